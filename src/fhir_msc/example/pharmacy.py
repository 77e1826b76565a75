"""The pharmacy's file: who was to get what. Only an unblinded project reads it.

It has a stream of its own, so that nothing of the EDC's export depends on it. Arms and nominal doses are the
registry's (NCT02633163); lots, donors, their manufacture, volumes, viabilities and times are synthetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fhir_msc.example.dictionary import SYNTHETIC
from fhir_msc.example.draw import Stream

HEADERS = (
    "record_id",
    "arm",
    "kit",
    "lot",
    "donor_code",
    "collected",
    "isolation",
    "expansion",
    "cryopreservation",
    "processed",
    "passage",
    "expiry",
    "storage_cel",
    "cells_e6",
    "cells_e6_per_kg",
    "viability_pct",
    "volume_ml",
    "thaw_time",
    "status",
    "data_origin",
)
"""``cells_e6`` is in 10*6, ``cells_e6_per_kg`` in 10*6/kg, ``volume_ml`` in mL, ``storage_cel`` in Cel; times are local
to the site. Three steps of the manufacture, each in a column of its own."""

ARMS = (("low-dose", 1.0), ("high-dose", 5.0), ("placebo", 0.0))
"""The arms with their nominal dose in 10*6/kg."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the pharmacy is asked for: body weight in kg, and the start of the infusion unless it was not given."""

    record: str
    weight: float
    start: datetime | None


DONORS = range(1, 7)
BATCHES = "ABC"
_COLLECTED_FROM = date(2017, 5, 2)


def manufacture(stream: Stream) -> dict[str, tuple[str, ...]]:
    """What was made of each donor's umbilical cord, by lot: collection, steps, end, passage, expiry, storage.

    All is made before the trial begins and expires after it ends.
    """
    lots: dict[str, tuple[str, ...]] = {}
    for donor in DONORS:
        collected = _COLLECTED_FROM + timedelta(days=stream.integer(0, 300))
        for batch in BATCHES:
            passage = stream.integer(3, 5)
            processed = collected + timedelta(days=stream.integer(21, 24) + 6 * passage)
            lots[f"SYN-LOT-{donor}{batch}"] = (
                collected.isoformat(),
                "Explant culture of Wharton's jelly",
                f"Expansion to passage {passage}",
                "Cryopreservation in liquid nitrogen vapour",
                processed.isoformat(),
                str(passage),
                processed.replace(year=processed.year + 10).isoformat(),
                "-150",
            )
    return lots


_UNMADE = ("",) * 8
"""What stands for the vehicle, which is nobody's."""


def dispense(stream: Stream, orders: Sequence[Order], lots: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """One row per randomised participant, the arms in equal numbers; ``lots`` as ``manufacture`` gives them."""
    arms = stream.order([ARMS[place % len(ARMS)] for place in range(len(orders))])
    kits = stream.order(range(1, len(orders) + 1))
    return [_row(stream, lots, *each) for each in zip(orders, arms, kits, strict=True)]


def _row(
    stream: Stream, lots: Mapping[str, tuple[str, ...]], order: Order, arm: tuple[str, float], kit: int
) -> tuple[str, ...]:
    name, dose = arm
    donor = stream.integer(1, 6)
    thawed = order.start - timedelta(minutes=stream.integer(25, 70)) if order.start else None
    given = dose * stream.uniform(0.97, 1.03)
    cells = (
        f"{given * order.weight:.1f}",
        f"{given:.2f}",
        f"{stream.uniform(80, 96):.1f}",
    )
    lot = f"SYN-LOT-{donor}{stream.pick(BATCHES)}" if dose else f"SYN-VEHICLE-{stream.integer(1, 4)}"
    return (
        order.record,
        name,
        f"SYN-KIT-{kit:04d}",
        lot,
        f"SYN-DONOR-{donor}" if dose else "",
        *(lots[lot] if dose else _UNMADE),
        *(cells if dose else ("0", "0", "")),
        f"{stream.uniform(95, 105):.0f}",
        thawed.strftime("%Y-%m-%d %H:%M") if thawed and dose else "",
        "administered" if order.start else "returned",
        SYNTHETIC,
    )

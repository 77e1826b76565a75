"""The pharmacy's file: who was to get what. Only an unblinded project reads it.

It has a stream of its own, so that nothing of the EDC's export depends on it. Arms and nominal doses are the
registry's (NCT02633163); lots, donors, volumes, viabilities and times are synthetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fhir_msc.example.dictionary import SYNTHETIC
from fhir_msc.example.draw import Stream

HEADERS = (
    "record_id",
    "arm",
    "kit",
    "lot",
    "donor_code",
    "cells_e6",
    "cells_e6_per_kg",
    "viability_pct",
    "volume_ml",
    "thaw_time",
    "status",
    "data_origin",
)
"""``cells_e6`` is in 10*6, ``cells_e6_per_kg`` in 10*6/kg, ``volume_ml`` in mL; times are local to the site."""

ARMS = (("low-dose", 1.0), ("high-dose", 5.0), ("placebo", 0.0))
"""The arms with their nominal dose in 10*6/kg."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the pharmacy is asked for: body weight in kg, and the start of the infusion unless it was not given."""

    record: str
    weight: float
    start: datetime | None


def dispense(stream: Stream, orders: Sequence[Order]) -> list[tuple[str, ...]]:
    """One row per randomised participant, the arms in equal numbers."""
    arms = stream.order([ARMS[place % len(ARMS)] for place in range(len(orders))])
    kits = stream.order(range(1, len(orders) + 1))
    return [_row(stream, *each) for each in zip(orders, arms, kits, strict=True)]


def _row(stream: Stream, order: Order, arm: tuple[str, float], kit: int) -> tuple[str, ...]:
    name, dose = arm
    donor = stream.integer(1, 6)
    thawed = order.start - timedelta(minutes=stream.integer(25, 70)) if order.start else None
    given = dose * stream.uniform(0.97, 1.03)
    cells = (
        f"SYN-DONOR-{donor}",
        f"{given * order.weight:.1f}",
        f"{given:.2f}",
        f"{stream.uniform(80, 96):.1f}",
    )
    return (
        order.record,
        name,
        f"SYN-KIT-{kit:04d}",
        f"SYN-LOT-{donor}{stream.pick('ABC')}" if dose else f"SYN-VEHICLE-{stream.integer(1, 4)}",
        *(cells if dose else ("", "0", "0", "")),
        f"{stream.uniform(95, 105):.0f}",
        thawed.strftime("%Y-%m-%d %H:%M") if thawed and dose else "",
        "administered" if order.start else "returned",
        SYNTHETIC,
    )

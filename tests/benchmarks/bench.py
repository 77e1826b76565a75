"""What every row is given: how much to measure, on what, and the clock."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fhir_msc.desired import DesiredTable


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured.

    ``participants`` of the study are kept (``None``: all 18); ``lab_copies`` is how often its laboratory rows are
    taken; ``many`` is the factor between the two runs whose memory is compared; ``repeats`` of a comparison;
    ``compared`` resources go to fhir.resources, ``judged`` to HL7's engine; ``starts`` of the command line. HAPI is
    sent the study with its participants ``cohorts`` times under other ids, in ``rounds`` of four legs, after at least
    ``warm_up`` writes. ``file_bytes`` of NDJSON are checked as one file.
    """

    participants: int | None
    lab_copies: int
    many: int
    repeats: int
    compared: int
    judged: int
    starts: int
    cohorts: int
    rounds: int
    warm_up: int
    file_bytes: int


FULL = Scale(
    participants=None,
    lab_copies=15,
    many=10,
    repeats=5,
    compared=4000,
    judged=300,
    starts=7,
    cohorts=3,
    rounds=2,
    warm_up=10_000,
    file_bytes=1_000_000_000,
)
QUICK = Scale(
    participants=1,
    lab_copies=1,
    many=2,
    repeats=1,
    compared=50,
    judged=5,
    starts=1,
    cohorts=1,
    rounds=1,
    warm_up=0,
    file_bytes=200_000,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the benchmarks.

    ``study`` is the folder of the real SDTM study, ``folder`` one to write in, ``hapi`` the base URL of a running HAPI
    that is to be used instead of one of our own; ``facts`` are the numbers that earlier rows have found.
    """

    scale: Scale
    study: Path
    folder: Path
    hapi: str | None
    facts: Mapping[str, float]


def exhaust(table: DesiredTable) -> None:
    """Makes all bodies of a table, and keeps none, as the product does."""
    for _ in table.stream():
        pass


def seconds(action: Callable[[], object]) -> float:
    """The wall time of an action."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def middle(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


def spread(values: list[float], digits: int = 2) -> str:
    """The least and the greatest."""
    return f"{min(values):,.{digits}f} to {max(values):,.{digits}f}"

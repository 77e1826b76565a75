"""Both verdicts on a range of broken documents, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_msc.validation import validate
from tests.mutation.documents import mutant, rejected, shared_types
from tests.mutation.faults import fault_of


@dataclass(slots=True)
class Counts:
    """How often who rejected: both sides, fhir.resources alone with a fault that is listed, or without one (``missed``,
    told by number and reason), we alone, nobody. ``foreign`` became of a type that the two do not share."""

    both: int = 0
    ours: int = 0
    nobody: int = 0
    foreign: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    @property
    def documents(self) -> int:
        """All that were given to both."""
        return self.both + self.ours + self.nobody + self.faults.total() + len(self.missed)

    @property
    def rejected(self) -> int:
        """Those that fhir.resources rejects."""
        return self.both + self.faults.total() + len(self.missed)

    def __iadd__(self, other: Counts) -> Counts:
        self.both += other.both
        self.ours += other.ours
        self.nobody += other.nobody
        self.foreign += other.foreign
        self.by_kind += other.by_kind
        self.faults += other.faults
        self.missed += other.missed
        return self


def compared(by_type: Mapping[str, Any], numbers: Iterable[int]) -> Counts:
    """The broken documents of these numbers, given to both."""
    counts = Counts()
    for number in numbers:
        kind, original, document = mutant(dict(by_type), number)
        if document.get("resourceType") not in shared_types():
            counts.foreign += 1
            continue
        reason = rejected(document)
        ours = any(finding.is_error for finding in validate(document))
        if reason is not None:
            counts.by_kind[kind] += 1
        if reason is None:
            counts.ours += ours
            counts.nobody += not ours
        elif ours:
            counts.both += 1
        elif (fault := fault_of(document["resourceType"], reason)) is not None:
            counts.faults[fault.why] += 1
        else:
            counts.missed.append(f"{number} ({kind} in {original}): {reason}")
    return counts

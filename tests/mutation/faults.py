"""Where fhir.resources rejects what R4 allows: its faults, each with the text of the specification."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Fault(NamedTuple):
    """A fault of fhir.resources in a ``type``: at the ``element`` (a pattern of its place), with the message ``says``.

    Never of a single document: whatever it covers, it covers wherever it occurs. ``why`` is R4's text.
    """

    type: str
    element: str
    says: str
    why: str

    def covers(self, kind: str, reason: str) -> bool:
        """Whether it is why a document of the type ``kind`` was rejected with that reason."""
        place, _, message = reason.partition(": ")
        return (
            re.fullmatch(self.type, kind) is not None
            and re.search(self.element, place) is not None
            and re.search(self.says, message) is not None
        )


FAULTS: Sequence[Fault] = ()


def fault_of(kind: str, reason: str) -> Fault | None:
    """The fault that explains a rejection, if one does."""
    return next((fault for fault in FAULTS if fault.covers(kind, reason)), None)

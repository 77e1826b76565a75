"""A small export of the example trial that changes from revision to revision, as an EDC's does."""

from __future__ import annotations

import csv
import io
import os
import re
from decimal import Decimal
from pathlib import Path

from fhir_msc.example.misle import RECORDS, generate

Rows = list[dict[str, str]]

_LATE = ("week_36_arm_1", "week_52_arm_1")
_CORRECTED = ("lab_creatinine", "vs_pulse", "lab_c3", "fatigue_total", "lab_alt", "vs_weight", "pga_score", "lab_c4")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


class Export:
    """The folder of the EDC's export, at revision 0 when it is laid.

    Each later revision corrects some results of every participant. Revision 0 lacks the last two visits and one
    participant; they come with revision 1 and 2.
    """

    def __init__(self, folder: Path, participants: int = 2, screen_failures: int = 1) -> None:
        for name, content in generate(participants=participants, screen_failures=screen_failures).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._records = folder / RECORDS
        self.folder = self._records.parent
        with self._records.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            self._rows: Rows = list(reader)
            self._header = list(reader.fieldnames or ())
        self.lay(0)

    def lay(self, revision: int) -> None:
        """Puts a revision in the place of what lies there, in one step."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self._header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            self._corrected(row, number, revision)
            for number, row in enumerate(self._rows)
            if self._is_there(row, revision)
        )
        beside = self._records.with_suffix(".new")
        beside.write_text(text.getvalue(), "utf-8")
        os.replace(beside, self._records)

    def _is_there(self, row: dict[str, str], revision: int) -> bool:
        too_late = row["redcap_event_name"] in _LATE[revision:]
        too_new = revision < 2 and row["record_id"] == self._rows[-1]["record_id"]
        return not (too_late or too_new)

    def _corrected(self, row: dict[str, str], number: int, revision: int) -> dict[str, str]:
        changed = dict(row)
        for step in range(1, revision + 1):
            for place, column in enumerate(_CORRECTED):
                if _NUMBER.fullmatch(changed[column]) and (number + place) % 3 == step % 3:
                    value = Decimal(changed[column])
                    changed[column] = str(value + Decimal(1).scaleb(int(value.as_tuple().exponent)))
        return changed

"""The units of the cell product, for the infusions that refer to them, and the persons whom no code may tell.

Of an unblinded project alone: in a blind one nobody asks, and the source would have nothing. Both stand in a temporary
SQLite file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fhir_msc.release.product_codes import codes_of, names, told
from fhir_msc.scratch import scratch_database
from fhir_msc.trial import CellProduct, Infusion

_MOST_JUDGED = 4096
"""How many codes are remembered as telling or not: a product has one name in many rows."""


class Products:
    """Units by participant, kit and lot; and what the columns of persons hold."""

    def __init__(self, record_number: re.Pattern[str] | None = None) -> None:
        self._record_number = record_number
        self._judged: dict[str, str | None] = {}
        self._database = scratch_database()
        self._database.execute("CREATE TABLE unit (subject, kit, lot, rid)")
        self._database.execute("CREATE INDEX unit_of ON unit (subject)")
        self._database.execute("CREATE TABLE person (name PRIMARY KEY) WITHOUT ROWID")

    def add_persons(self, cells: Iterable[str]) -> None:
        """Enters the cells of a column of persons."""
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR IGNORE INTO person VALUES (?)", ((name,) for cell in cells for name in names(cell))
        )
        self._database.execute("COMMIT")

    def add(self, record: CellProduct, rid: str) -> None:
        """Enters a unit with the id of its resource."""
        self._database.execute(
            "INSERT INTO unit VALUES (?, ?, ?, ?)", (record.participant, record.kit, record.lot, rid)
        )

    def given(self, record: Infusion) -> tuple[str, ...]:
        """The ids of the units that were given: of the kit, or where the infusion names none, of the lot."""
        column, value = ("kit", record.kit) if record.kit is not None else ("lot", record.lot)
        if value is None:
            return ()
        rows = self._database.execute(
            f"SELECT DISTINCT rid FROM unit WHERE subject = ? AND {column} = ? ORDER BY rid",  # noqa: S608 - one of two
            (record.participant, value),
        )
        return tuple(rid for (rid,) in rows)

    def tells(self, record: CellProduct | Infusion) -> tuple[str, str] | None:
        """The code of the record that tells a person, and how. All persons are entered before."""
        for code in codes_of(record):
            if code not in self._judged:
                if len(self._judged) >= _MOST_JUDGED:
                    self._judged.clear()
                found = told((code,), self._is_person, self._record_number)
                self._judged[code] = found[1] if found else None
            if (how := self._judged[code]) is not None:
                return code, how
        return None

    def _is_person(self, parts: Sequence[str]) -> bool:
        return any(
            self._database.execute("SELECT 1 FROM person WHERE name = ?", (part,)).fetchone() is not None
            for part in parts
        )

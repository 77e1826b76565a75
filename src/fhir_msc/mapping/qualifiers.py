"""SDTM supplemental qualifiers: rows that say more of a row of another table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fhir_msc.findings import Origin
from fhir_msc.mapping.kept import Kept
from fhir_msc.sources.naming import as_named
from fhir_msc.sources.table import Source, Table

_COLUMNS = ("USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QVAL")
_NOT_READ = "qualifiers of rows that are named by a column that is not read"


class Qualifiers(Kept):
    """SDTM supplemental qualifiers (SDTMIG 8.4): QNAM and QVAL of a parent row, found by IDVAR and its value.

    ``columns`` are those of the parent. Qualifiers that name their row by a ``closed`` column are joined to none.
    """

    def __init__(self, source: Source, table: Table, columns: Sequence[str], closed: Callable[[str], bool]) -> None:
        super().__init__(table, "subject, variable, value, name, text")
        rows = (
            (subject, variable, as_named(variable, value), name, text, row)
            for row, (subject, variable, value, name, text) in source.rows(table.name, _COLUMNS)
        )
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO kept (subject, variable, value, name, text, row) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
        self._database.execute("CREATE INDEX by_parent ON kept (subject, variable, value)")
        self._database.execute("COMMIT")
        named = [name for (name,) in self._database.execute("SELECT DISTINCT variable FROM kept ORDER BY variable")]
        self.variables = tuple(name for name in named if not name or (name in columns and not closed(name)))
        self._database.executemany(
            "UPDATE kept SET rank = 98, outcome = 'not-mapped', reason = ? WHERE variable = ?",
            [(_NOT_READ, name) for name in named if name and closed(name)],
        )

    def of_parent(self, subject: str, identifying: Iterable[tuple[str, str]]) -> list[tuple[int, str, str, Origin]]:
        """(id, QNAM, QVAL, origin) of the qualifiers of a parent row, given its identifying variables' values."""
        found: list[tuple[int, str, str, int]] = []
        for variable, value in identifying:
            found += self._database.execute(
                "SELECT id, name, text, row FROM kept WHERE subject = ? AND variable = ? AND value = ?"
                " ORDER BY name, text",
                (subject, variable, as_named(variable, value) if variable else ""),
            ).fetchall()
        return [(i, name, text, self._origin(row, ("QVAL",), f"{subject}/{name}")) for i, name, text, row in found]

    def orphans(self, most: int) -> tuple[int, tuple[Origin, ...]]:
        """How many rows have no parent in the study, and the first of them in the order of their cells."""
        count: int = self._database.execute("SELECT count(*) FROM kept WHERE rank = 99").fetchone()[0]
        rows = self._database.execute(
            "SELECT row, subject, name FROM kept WHERE rank = 99 ORDER BY subject, variable, value, name, text LIMIT ?",
            (most,),
        )
        return count, tuple(
            self._origin(row, ("IDVAR", "IDVARVAL"), f"{subject}/{name}") for row, subject, name in rows
        )

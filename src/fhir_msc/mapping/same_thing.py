"""Rows of another table that are found by equal columns, one of which may be a date in two precisions."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from fhir_msc.findings import Origin
from fhir_msc.mapping.format import Join
from fhir_msc.mapping.kept import Fate, Kept
from fhir_msc.mapping.moments import SameMoments, same_moments
from fhir_msc.mapping.scope import Cells
from fhir_msc.sources.table import Source, Table

UNCLEAR_PARTNER = "MSC-MAP-012"

_Keyed = tuple[Sequence[str], Sequence[str]]
"""The key and the cells of a row."""


class SameThing(Kept):
    """Rows of another table that say more of the same thing (SDTM EX beside EC), or lend their cells, found by equal
    columns; where the join names a ``date``, that one is compared at the coarser precision, with the ``own`` keys that
    the table has, each with its row's cells. A row that fits in more than one way is held: alone it would be the same
    thing a second time, and lent to several rows it would be said as often.
    """

    def __init__(
        self, source: Source, table: Table, join: Join, columns: Sequence[str], own: Iterable[_Keyed] = ()
    ) -> None:
        super().__init__(table, "key, cells")
        self.on = tuple(join.on)
        self.keys = tuple(join.on.values())
        self.columns = tuple(columns)
        count = len(self.keys)
        asked = [*self.keys, *self.columns]
        rows = ((_key(cells[:count]), json.dumps(cells[count:]), row) for row, cells in source.rows(table.name, asked))
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO kept (key, cells, row) VALUES (?, ?, ?)", rows)
        self._database.execute("CREATE INDEX by_key ON kept (key)")
        self._database.execute("COMMIT")
        self._is_dated = join.date is not None
        if join.date is not None:
            self._pair(own, self.on.index(join.date))

    def _pair(self, own: Iterable[_Keyed], place: int) -> None:
        """Finds for each of the ``own`` keys the one of the other table, by the date that stands at ``place``."""
        database = self._database
        database.execute("CREATE TABLE own (rest, date, cells, UNIQUE (rest, date, cells))")
        database.execute("CREATE TABLE moment (rest, date, own)")
        database.execute("CREATE TABLE pair (own PRIMARY KEY, other)")
        database.execute("BEGIN")
        rows = ((*_parted(key, place), _key(cells)) for key, cells in own if _is_filled(key, place))
        database.executemany("INSERT OR IGNORE INTO own VALUES (?, ?, ?)", rows)
        database.execute("INSERT INTO moment SELECT rest, date, count(*) FROM own GROUP BY rest, date")
        keys = (json.loads(key) for (key,) in database.execute("SELECT DISTINCT key FROM kept"))
        database.executemany("INSERT INTO moment VALUES (?, ?, 0)", (_parted(key, place) for key in keys if all(key)))
        found = database.execute("SELECT DISTINCT rest, date, own FROM moment ORDER BY rest, own, date")
        for rest, group in groupby(found, key=itemgetter(0)):
            others: list[str] = []
            mine: dict[str, int] = {}
            for _, date, rows_of_it in group:
                if rows_of_it:
                    mine[date] = rows_of_it
                else:
                    others.append(date)
            pairs, unclear = _one_to_one(mine, others)
            database.executemany(
                "INSERT INTO pair VALUES (?, ?)",
                [(_whole(rest, one, place), _whole(rest, other, place)) for one, other in pairs.items()],
            )
            database.executemany(
                "UPDATE kept SET rank = 97, outcome = 'held', reason = ? WHERE key = ?",
                [(UNCLEAR_PARTNER, _whole(rest, date, place)) for date in unclear],
            )
        database.execute("DROP TABLE own")
        database.execute("DROP TABLE moment")
        database.execute("COMMIT")

    def of_row(self, key: Sequence[str]) -> list[tuple[int, Cells, Origin]]:
        """(id, cells, origin) of the rows with that key, in the order of their cells. An empty cell equals nothing."""
        if not all(key):
            return []
        asked = (_key(key),)
        if self._is_dated:
            asked = self._database.execute("SELECT other FROM pair WHERE own = ?", asked).fetchone()
            if asked is None:
                return []
        rows = self._database.execute(
            "SELECT id, cells, row FROM kept WHERE key = ? ORDER BY cells, row", asked
        ).fetchall()
        place = "/".join(key)
        return [(i, tuple(json.loads(cells)), self._origin(row, self.columns, place)) for i, cells, row in rows]

    def fate(self, key: Sequence[str]) -> Fate | None:
        """What became of the row that the rows with that key went into."""
        found = self._database.execute(
            "SELECT rank, outcome, reason FROM kept WHERE key = ? AND rank < 99 ORDER BY rank LIMIT 1", (_key(key),)
        ).fetchone()
        return Fate(*found) if found else None

    def origin(self, row: int, key: Sequence[str]) -> Origin:
        """Where the row with that key stands, and the cells by which it is found."""
        return self._origin(row, self.keys, "/".join(key))


def _is_filled(key: Sequence[str], place: int) -> bool:
    """Whether nothing of a key lacks but its date, maybe."""
    return all(cell or i == place for i, cell in enumerate(key))


def _one_to_one(mine: Mapping[str, int], others: Collection[str]) -> SameMoments:
    """The dates that are the same, where they are of one row each; ``mine`` says of how many. A row without a date may
    be the same as any that has no partner."""
    found = same_moments([date for date in mine if date], others)
    pairs = {date: other for date, other in found.pairs.items() if mine[date] == 1}
    alone = set(others).difference(pairs.values())
    return SameMoments(pairs, found.unclear.union(alone if "" in mine else alone.intersection(found.pairs.values())))


def _key(cells: Sequence[str]) -> str:
    return json.dumps(list(cells))


def _parted(key: Sequence[str], place: int) -> tuple[str, str]:
    return _key([*key[:place], *key[place + 1 :]]), key[place]


def _whole(rest: str, date: str, place: int) -> str:
    cells = json.loads(rest)
    return _key([*cells[:place], date, *cells[place:]])

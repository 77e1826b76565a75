"""Rows of another table that belong to rows of this one, kept in a temporary SQLite file so that memory stays flat.

What becomes of a joined row is what becomes of the row it went into: its *fate* is told once that is known.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from fhir_msc.findings import Origin, Severity
from fhir_msc.mapping.format import Join
from fhir_msc.mapping.moments import same_moments
from fhir_msc.mapping.notes import Notes, Topic
from fhir_msc.mapping.scope import Cells
from fhir_msc.scratch import scratch_database
from fhir_msc.sources.sealed_source import NO_NUMBER
from fhir_msc.sources.table import Source, Table

_QUALIFIER_COLUMNS = ("USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QVAL")
_FATE = "rank INTEGER DEFAULT 99, outcome, reason"
_NOT_READ = "qualifiers of rows that are named by a column that is not read"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a row; of several rows that it went into, the one of the lowest rank tells."""

    rank: int
    outcome: str
    reason: str


_UNREAD = Fate(98, "not-mapped", "nothing reads this qualifier")
UNCLEAR_PARTNER = "MSC-MAP-012"


@dataclass(frozen=True, slots=True)
class Share:
    """The rows of a joined table that went into one row."""

    join: Qualifiers | SameThing
    rows: tuple[int, ...]

    def tell(self, fate: Fate) -> None:
        """Tells the joined rows what became of the row they went into."""
        self.join.tell(self.rows, fate)


class _Kept:
    """Rows of a joined table with their fates."""

    def __init__(self, table: Table, columns: str) -> None:
        self.table = table
        self._database = scratch_database()
        self._database.execute(f"CREATE TABLE kept (id INTEGER PRIMARY KEY, {columns}, row, {_FATE})")

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        count: int = self._database.execute("SELECT count(*) FROM kept").fetchone()[0]
        return count

    def tell(self, rows: Iterable[int], fate: Fate) -> None:
        """Notes what became of the row that these went into."""
        self._database.executemany(
            "UPDATE kept SET rank = ?, outcome = ?, reason = ? WHERE id = ? AND rank > ?",
            [(fate.rank, fate.outcome, fate.reason, row, fate.rank) for row in rows],
        )

    def fates(self) -> list[tuple[str, str, int]]:
        """(outcome, reason, rows) of the rows that went into another's."""
        return self._database.execute(
            "SELECT outcome, reason, count(*) FROM kept WHERE rank < 99 GROUP BY outcome, reason ORDER BY 1, 2"
        ).fetchall()

    def _origin(self, row: int, columns: Sequence[str], key: str) -> Origin:
        if row == NO_NUMBER:
            return Origin(self.table.file, self.table.name, None, tuple(columns), key)
        return Origin(self.table.file, self.table.name, row, tuple(columns))


class Qualifiers(_Kept):
    """SDTM supplemental qualifiers (SDTMIG 8.4): QNAM and QVAL of a parent row, found by IDVAR and its value.

    ``columns`` are those of the parent. Qualifiers that name their row by a ``closed`` column are joined to none.
    """

    def __init__(self, source: Source, table: Table, columns: Sequence[str], closed: Callable[[str], bool]) -> None:
        super().__init__(table, "subject, variable, value, name, text")
        rows = (
            (subject, variable, plain_number(value), name, text, row)
            for row, (subject, variable, value, name, text) in source.rows(table.name, _QUALIFIER_COLUMNS)
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
                (subject, variable, plain_number(value) if variable else ""),
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


def plain_number(value: str) -> str:
    """A cell that identifies a row as it is compared: a number is written with and without its zero."""
    return value.removesuffix(".0")


class SameThing(_Kept):
    """Rows of another table that say more of the same thing (SDTM EX beside EC), or lend their cells, found by equal
    columns; where the join names a ``date``, that one is compared at the coarser precision, with the ``own`` keys that
    the table has. A row that fits in more than one way is held: alone it would be the same thing a second time.
    """

    def __init__(
        self, source: Source, table: Table, join: Join, columns: Sequence[str], own: Iterable[Sequence[str]] = ()
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

    def _pair(self, own: Iterable[Sequence[str]], place: int) -> None:
        """Finds for each of the ``own`` keys the one of the other table, by the date that stands at ``place``."""
        database = self._database
        database.execute("CREATE TABLE moment (rest, date, own)")
        database.execute("CREATE TABLE pair (own PRIMARY KEY, other)")
        database.execute("BEGIN")
        database.executemany("INSERT INTO moment VALUES (?, ?, 1)", (_parted(key, place) for key in own if all(key)))
        keys = (json.loads(key) for (key,) in database.execute("SELECT DISTINCT key FROM kept"))
        database.executemany("INSERT INTO moment VALUES (?, ?, 0)", (_parted(key, place) for key in keys if all(key)))
        found = database.execute("SELECT DISTINCT rest, date, own FROM moment ORDER BY rest, own, date")
        for rest, group in groupby(found, key=itemgetter(0)):
            dates: tuple[list[str], list[str]] = ([], [])
            for _, date, is_own in group:
                dates[is_own].append(date)
            pairs, unclear = same_moments(dates[1], dates[0])
            database.executemany(
                "INSERT INTO pair VALUES (?, ?)",
                [(_whole(rest, one, place), _whole(rest, other, place)) for one, other in pairs.items()],
            )
            database.executemany(
                "UPDATE kept SET rank = 97, outcome = 'held', reason = ? WHERE key = ?",
                [(UNCLEAR_PARTNER, _whole(rest, date, place)) for date in unclear],
            )
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


def _key(cells: Sequence[str]) -> str:
    return json.dumps(list(cells))


def _parted(key: Sequence[str], place: int) -> tuple[str, str]:
    return _key([*key[:place], *key[place + 1 :]]), key[place]


def _whole(rest: str, date: str, place: int) -> str:
    cells = json.loads(rest)
    return _key([*cells[:place], date, *cells[place:]])


class Joins:
    """The joins of one table: a row's own cells in, with those of the rows joined to it out."""

    def __init__(
        self,
        joined: Sequence[Qualifiers | SameThing],
        columns: Mapping[str, int],
        own: int,
        participant: int,
        notes: Notes,
    ) -> None:
        self.joined = tuple(joined)
        self._columns = columns
        self._own = own
        self._participant = participant
        self._notes = notes

    def __bool__(self) -> bool:
        return bool(self.joined)

    def extended(self, own: Cells) -> tuple[Cells, tuple[Origin, ...], tuple[Share, ...]]:
        """The row's cells and the joined ones behind them, the joined rows' cells as origins, and whose they are."""
        extra = [""] * (len(self._columns) - self._own)
        origins: list[Origin] = []
        shares: list[Share] = []
        for join in self.joined:
            if isinstance(join, Qualifiers):
                rows = self._add_qualifiers(join, own, extra, origins)
            else:
                rows = self._add_same(join, own, extra, origins)
            if rows:
                shares.append(Share(join, rows))
        return (*own, *extra), tuple(origins), tuple(shares)

    def _add_qualifiers(self, join: Qualifiers, own: Cells, extra: list[str], origins: list[Origin]) -> tuple[int, ...]:
        identifying = [(name, own[self._columns[name]] if name else "") for name in join.variables]
        read: list[int] = []
        unread: list[int] = []
        for row, name, text, origin in join.of_parent(own[self._participant], identifying):
            place = self._columns.get(name, -1) - self._own
            if place < 0:
                unread.append(row)
                continue
            read.append(row)
            if extra[place] not in ("", text):
                self._warn(f"several qualifiers of one name in {join.table.name}: the last is taken", name)
            extra[place] = text
            origins.append(origin)
        if unread:
            join.tell(unread, _UNREAD)
        return tuple(read)

    def _add_same(self, join: SameThing, own: Cells, extra: list[str], origins: list[Origin]) -> tuple[int, ...]:
        found = join.of_row([own[self._columns[name]] for name in join.on])
        distinct = list(dict.fromkeys(cells for _, cells, _ in found))
        if len(distinct) > 1:
            table = join.table.name
            self._warn(
                f"several rows of {table} that differ belong to one row: what they differ in is left out", *join.columns
            )
        for i, name in enumerate(join.columns):
            values = {cells[i] for cells in distinct}
            if len(values) == 1:
                extra[self._columns[name] - self._own] = values.pop()
        origins += [origin for _, _, origin in found]
        return tuple(row for row, *_ in found)

    def _warn(self, message: str, *columns: str) -> None:
        self._notes.say(self._notes.open(Topic("MSC-MAP-006", Severity.WARNING, message, columns)))

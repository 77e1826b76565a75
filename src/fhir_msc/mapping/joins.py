"""The joins of one table: which rows of other tables belong to a row of this one, and what they add to its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhir_msc.findings import Origin, Severity
from fhir_msc.mapping.kept import Fate
from fhir_msc.mapping.notes import Notes, Topic
from fhir_msc.mapping.qualifiers import Qualifiers
from fhir_msc.mapping.same_thing import SameThing
from fhir_msc.mapping.scope import Cells

_UNREAD = Fate(98, "not-mapped", "nothing reads this qualifier")


@dataclass(frozen=True, slots=True)
class Share:
    """The rows of a joined table that went into one row."""

    join: Qualifiers | SameThing
    rows: tuple[int, ...]

    def tell(self, fate: Fate) -> None:
        """Tells the joined rows what became of the row they went into."""
        self.join.tell(self.rows, fate)


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

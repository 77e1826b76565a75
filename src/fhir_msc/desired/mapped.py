"""One source table on its way to bodies: map, release, build, check, and account for every row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.keys import KeyRegister
from fhir_msc.desired.lineage import Lineages
from fhir_msc.desired.making import Maker
from fhir_msc.desired.model import OUTCOMES, Account, Desired, Made
from fhir_msc.desired.persons import PARTICIPANT_REJECTED, Zones
from fhir_msc.desired.relations import Relations
from fhir_msc.desired.reports import Reports
from fhir_msc.desired.samples import Samples
from fhir_msc.desired.sharing import Sharing
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.mapping.kept import Fate
from fhir_msc.mapping.pack import PackTable
from fhir_msc.mapping.qualifiers import Qualifiers
from fhir_msc.mapping.same_thing import UNCLEAR_PARTNER, SameThing
from fhir_msc.mapping.scope import Cells
from fhir_msc.mapping.table import MappedRow, TableMapper
from fhir_msc.release.consent import AFTER_WITHDRAWAL, BEFORE_CONSENT, REASONS, WITHOUT_CONSENT
from fhir_msc.sources.table import Row, Table

_AT_ONCE = 50
"""Rows that are mapped before they are made into bodies."""

_BATCH = 100
_MOST_ORIGINS = 100
"""How many rows one finding about a participant's held rows names: the first in the order of their places."""

_REASONS = {
    **REASONS,
    PARTICIPANT_REJECTED: "the participant's own row is rejected",
    UNCLEAR_PARTNER: "it is unclear by the date which row of another table says the same",
}
_HINTS = {
    BEFORE_CONSENT: "if the consent covers it, say so in fhir-msc.toml: [consent] covers_days_before = N",
    WITHOUT_CONSENT: "record the consent in the source; it is never assumed",
    AFTER_WITHDRAWAL: "never sent; if the date of the withdrawal is wrong, correct it in the source",
    PARTICIPANT_REJECTED: "correct that row: these follow",
    UNCLEAR_PARTNER: "make the dates of both tables agree: as it stands the row may say the same thing a second time",
}
_RANK = {outcome: rank for rank, outcome in enumerate(OUTCOMES)}


@dataclass(slots=True)
class _Held:
    """The rows of one participant that are held for one reason."""

    count: int = 0
    origins: list[Origin] = field(default_factory=list)

    def add(self, origins: Sequence[Origin]) -> None:
        self.count += 1
        self.origins += origins
        if len(self.origins) > 2 * _MOST_ORIGINS:
            self.origins = self.first()

    def first(self) -> list[Origin]:
        return sorted(self.origins, key=lambda one: (one.file, one.table, one.row or 0, one.key or ""))[:_MOST_ORIGINS]


class MappedTable:
    """A DesiredTable over a mapped source table. ``others`` are the mapped tables of the run, by name."""

    def __init__(
        self,
        frame: Frame,
        pack_table: PackTable,
        table: Table,
        others: Mapping[str, MappedTable],
        relations: Relations | None = None,
    ) -> None:
        self._frame = frame
        self._pack_table = pack_table
        self._table = table
        self._others = others
        self._relations = relations
        self.name = table.name
        self.account = Account(table.name, table.file)
        self._findings: list[Finding] = []
        self._held: dict[tuple[str, str], _Held] = {}
        self._mapper: TableMapper | None = None

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found; complete once ``stream`` is exhausted."""
        return self._findings

    def fingerprint(self) -> bytes:
        """Equal fingerprints give equal bodies. What is joined to this table, and what this is joined to, counts."""
        hosts = [host._rows_digest() for host in self._hosts()]
        words = self._pack_table.words
        if words.infusions or words.cell_products:
            hosts.append(self._frame.products_digest)
        if any(one.device for one in words.infusions) or any(one.device for one in words.observations):
            hosts.append(self._frame.devices_digest)
        if self._related is not None:
            hosts.append(self._related.digest(self.name))
        return self._frame.fingerprint(self.name, self._rows_digest(), *hosts)

    @cached_property
    def _related(self) -> Relations | None:
        """The relations, if they join results of this table to events."""
        relations = self._relations
        return relations if relations is not None and relations.concerns(self.name) else None

    def _maker(self, samples: Samples, reports: Reports | None) -> Maker:
        if self._related is None:
            return Maker(self._frame, self.name, samples, reports)
        return Maker(self._frame, self.name, samples, reports, partial(self._related.focus, self.name))

    def stream(self) -> Iterator[list[Desired]]:
        """The bodies in batches, then where they come from, if the project declares its data cut. A rid that comes
        again replaces the earlier one."""
        cut = self._frame.policy.data_cut
        if cut is None:
            yield from self._bodies()
            return
        lineages = Lineages(self._frame, self.name, self._table.file, cut)
        for batch in self._bodies():
            lineages.add(batch)
            yield batch
        yield from lineages.bodies(self._findings)

    def _bodies(self) -> Iterator[list[Desired]]:
        frame = self._frame
        self.account = Account(self._table.name, self._table.file)
        self._findings, self._held = [], {}
        mapper = frame.mapper(self._pack_table, self._table)
        samples, reports = Samples(frame, self.name), Reports(frame, self.name)
        maker = self._maker(samples, reports)
        register = KeyRegister()
        rows = mapper.map(self._rows(mapper, self.account), Zones(frame).__getitem__)
        # Some rows are mapped, then made: stage by stage the processor's caches keep each stage's code and data.
        while some := list(islice(rows, _AT_ONCE)):
            of_rows = maker.make_rows(some)
            alone = list(map(_alone, some, of_rows))
            self._count_delivered(len(alone) - alone.count(None))
            batch: list[Desired] = []
            made: list[tuple[Sequence[int], Sequence[Desired]]] = []
            for row, of_records, body in zip(some, of_rows, alone, strict=True):
                bodies = self._take(row, of_records) if body is None else (body,)
                made.append((row.places, bodies))
                batch += bodies
            register.add(made)
            yield batch
        if register.complete():
            yield from self._told_apart(register, samples, reports)
        yield from samples.bodies(self._findings)
        yield from reports.bodies(self._findings)
        self._mapper = mapper
        self._finish(mapper)

    def _count_delivered(self, rows: int) -> None:
        if rows:
            self.account.rows += rows
            self.account.outcomes["delivered", ""] += rows

    def joined(self, name: str) -> Sequence[Qualifiers | SameThing]:
        """The joins of that table to this one, which know what became of its rows."""
        if self._mapper is None:
            for _ in self.stream():
                pass
        return [join for join in (self._mapper.joins.joined if self._mapper else ()) if join.table.name == name]

    def _rows_digest(self) -> bytes:
        return self._frame.rows_digest(self._pack_table, self._table)

    def _hosts(self) -> list[MappedTable]:
        """The tables whose rows say the same thing as rows of this one."""
        return [
            other
            for _, other in sorted(self._others.items())
            if any(join.kind == "same" and join.table == self.name for join in other._pack_table.words.join)
        ]

    def _rows(self, mapper: TableMapper, account: Account) -> Iterator[Row]:
        """The rows of the table, without those that went into another table's: these are accounted for here."""
        joins = [
            (host.name, join)
            for host in self._hosts()
            for join in host.joined(self.name)
            if isinstance(join, SameThing)
        ]
        if not joins:
            return mapper.rows()
        return self._unshared(mapper, joins, account)

    def _unshared(self, mapper: TableMapper, joins: Sequence[tuple[str, SameThing]], account: Account) -> Iterator[Row]:
        asked, person = len(mapper.asked), mapper.participant
        columns = [*mapper.asked, *(key for _, join in joins for key in join.keys)]
        for row, cells in self._frame.source.rows(self.name, columns):
            start, fates, unclear = asked, [], None
            for host, join in joins:
                end = start + len(join.keys)
                key, start = cells[start:end], end
                fate = join.fate(key)
                if fate is not None and fate.outcome != "not-mapped":
                    fates.append((fate.rank, host, fate))
                    if fate.reason == UNCLEAR_PARTNER:
                        unclear = join.origin(row, key)
            if not fates:
                yield row, cells[:asked]
                continue
            _, host, best = min(fates, key=lambda one: one[:2])
            # Those that share a key are read once more, into an account of nobody's.
            if best.reason == UNCLEAR_PARTNER and unclear is not None and account is self.account:
                self._held.setdefault((cells[person], UNCLEAR_PARTNER), _Held()).add((unclear,))
            account.rows += 1
            outcome = joined_outcome(host, best.outcome, best.reason)
            account.outcomes[outcome] += 1
            if mapper.joins:
                self._tell_qualifiers(mapper, cells[:asked], outcome)

    def _tell_qualifiers(self, mapper: TableMapper, own: Cells, outcome: tuple[str, str]) -> None:
        """Tells what qualifies a row that went into another table's what became of that: nothing of a qualifier went
        there with it."""
        what, why = ("not-mapped", f"its row was {outcome[0]}: {outcome[1]}") if outcome[0] == "merged" else outcome
        for share in mapper.joins.extended(own)[2]:
            share.tell(Fate(_RANK[what], what, why))

    def _take(self, row: MappedRow, of_records: Sequence[Made]) -> list[Desired]:
        """The bodies of a row; its outcome goes into the account, the best of its records' outcomes."""
        made = list(of_records)
        for one in made:
            if one.findings:
                self._find(row, one.findings)
        for reason in {one.reason for one in made if one.reason and one.reason in _REASONS}:
            self._hold(row, reason)
        if row.problems:
            self._find(row, row.problems)
            made.append(Made(None, "rejected", row.problems[0].rule))
        best = min(made, key=_rank) if len(made) > 1 else made[0] if made else _NOTHING
        account, members = self.account, row.members
        account.rows += members
        account.outcomes[best.outcome, best.reason] += 1
        if members > 1:
            rest = ("merged", "one panel") if best.outcome == "delivered" else (best.outcome, best.reason)
            account.outcomes[rest] += members - 1
        for share in row.shares:
            share.tell(Fate(_RANK[best.outcome], best.outcome, best.reason))
        return [one.desired for one in made if one.desired is not None]

    def _told_apart(self, register: KeyRegister, samples: Samples, reports: Reports) -> Iterator[list[Desired]]:
        """The bodies of rows that share a key, told apart. These rows are mapped once more, for nobody kept them; what
        was found and counted the first time stands."""
        frame = self._frame
        mapper, maker = frame.mapper(self._pack_table, self._table), self._maker(samples, None)
        sharing = Sharing(self.name, frame.identity)
        rows = register.rows_again(self._rows(mapper, Account("", "")))
        for number, row in enumerate(mapper.map(rows, frame.zone)):
            made = maker.make_rows([row])[0]
            delivered = [(one.desired, one.parts) for one in made if one.desired is not None]
            sharers = [one for one in delivered if register.is_repeated(one[0].rid)]
            if sharers:
                sharing.add(number, len(delivered), row.tie, sharers)
        batch: list[Desired] = []
        for shared, desired in sharing.told_apart(self._findings):
            if desired.rid != shared:
                reports.also(shared, desired.rid)
            batch.append(desired)
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        yield batch
        sharing.settle(self.account)

    def _find(self, row: MappedRow, found: Sequence[Finding]) -> None:
        patient = self._frame.identity.rid("Patient", (row.participant,)) if row.participant else None
        self._findings += [replace(one, patient=patient) for one in found]

    def _hold(self, row: MappedRow, reason: str) -> None:
        origins = [origin for record in row.records for origin in record.origins]
        self._held.setdefault((row.participant, reason), _Held()).add(origins)

    def _finish(self, mapper: TableMapper) -> None:
        self._findings += mapper.notes.findings()
        for (participant, reason), held in sorted(self._held.items()):
            patient = self._frame.identity.rid("Patient", (participant,))
            self._findings.append(
                Finding(
                    reason,
                    Severity.WARNING,
                    f"{_REASONS[reason]}: {'withheld' if reason == AFTER_WITHDRAWAL else 'held'}",
                    tuple(held.first()),
                    key=patient,
                    hint=_HINTS.get(reason),
                    count=held.count,
                    patient=patient,
                )
            )
        if self._pack_table.words.participants:
            several = self._frame.of_several_sites()
            self._findings += [one for one in several if one.origins[0].table == self.name]
        if self._pack_table.words.dispositions:
            self._findings += [
                one for one in self._frame.questions() if any(origin.table == self.name for origin in one.origins)
            ]


_NOTHING = Made(None, "not-mapped", "nothing in it that the pack maps")


def _alone(row: MappedRow, of_records: Sequence[Made]) -> Desired | None:
    """The body of a row of which there is nothing else to say, as of nearly all rows of results."""
    if len(of_records) != 1 or of_records[0].findings or row.problems or row.shares or len(row.places) > 1:
        return None
    return of_records[0].desired


def _rank(made: Made) -> int:
    return _RANK[made.outcome]


def joined_outcome(host: str, outcome: str, reason: str) -> tuple[str, str]:
    """What became of a row that went into a row of ``host``, of which this became."""
    return ("merged", f"a row of {host}") if outcome in ("delivered", "merged") else (outcome, reason)

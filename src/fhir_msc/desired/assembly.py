"""All tables of a project for one target, in the order in which they are staged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fhir_msc.desired.design import StudyDesign
from fhir_msc.desired.frame import Frame
from fhir_msc.desired.mapped import MappedTable, joined_outcome
from fhir_msc.desired.model import Account, Desired, DesiredTable, not_mapped
from fhir_msc.desired.policy import Policy
from fhir_msc.desired.relations import Relations, RelationTable
from fhir_msc.desired.study import StudyTable
from fhir_msc.findings import Finding, Severity
from fhir_msc.mapping.classes import fitted
from fhir_msc.mapping.compiler import refuse_second_participants
from fhir_msc.mapping.pack import Pack, PackTable
from fhir_msc.mapping.qualifiers import Qualifiers
from fhir_msc.release.blinding import refuse_open_products, refuse_unsealed_pack
from fhir_msc.resources.identity import Identity
from fhir_msc.resources.own import NamedBuilder
from fhir_msc.sources.sealed_source import SealedSource
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import Source, Table
from fhir_msc.trial import Study

_ORPHANS = "MSC-MAP-008"
_MOST_ORIGINS = 100


class QualifierTable:
    """A DesiredTable of supplemental qualifiers: its rows go into their parents' rows."""

    def __init__(self, frame: Frame, table: Table, parent: MappedTable) -> None:
        self.name = table.name
        self.account = Account(table.name, table.file)
        self.findings: list[Finding] = []
        self._frame = frame
        self._table = table
        self._parent = parent

    def fingerprint(self) -> bytes:
        """That of the parent, whose rows decide what becomes of these."""
        return self._frame.identity.digest("table", (self.name, self._parent.fingerprint().hex()))

    def stream(self) -> Iterator[list[Desired]]:
        """No bodies of its own; accounts for the rows. The parent comes first."""
        self.account = Account(self._table.name, self._table.file)
        self.findings = []
        for join in self._parent.joined(self.name):
            self.account.rows += join.rows
            for outcome, reason, rows in join.fates():
                self.account.outcomes[joined_outcome(self._parent.name, outcome, reason)] += rows
            if isinstance(join, Qualifiers):
                orphans, origins = join.orphans(_MOST_ORIGINS)
                if orphans:
                    self.account.outcomes["rejected", _ORPHANS] += orphans
                    message = "qualifiers whose row does not exist"
                    hint = f"correct IDVAR and IDVARVAL, or the row of {self._parent.name}"
                    self.findings.append(Finding(_ORPHANS, Severity.ERROR, message, origins, hint=hint, count=orphans))
        yield []


class UnmappedTable:
    """A DesiredTable of which nothing is made."""

    def __init__(self, frame: Frame, table: Table) -> None:
        self.name = table.name
        self.account = Account(table.name, table.file)
        self.findings: list[Finding] = []
        self._frame = frame

    def fingerprint(self) -> bytes:
        """The number of rows is all that is told of it."""
        return self._frame.identity.digest("table", (self.name, str(self._count()), self._reason()))

    def stream(self) -> Iterator[list[Desired]]:
        """Counts the rows."""
        self.account = Account(self.account.table, self.account.file, self._count())
        self.account.outcomes["not-mapped", self._reason()] += self.account.rows
        self.findings = [not_mapped(self.account, self._reason(), max(1, self.account.rows))]
        yield []

    def _count(self) -> int:
        return sum(1 for _ in self._frame.source.rows(self.name, ()))

    def _reason(self) -> str:
        return self._frame.pack.words.not_mapped.get(self.name, "the pack has no words for it")


@dataclass(frozen=True)
class DesiredTables:
    """A DesiredSet."""

    frame: Frame
    _design: StudyDesign
    _tables: Sequence[DesiredTable]

    @property
    def study(self) -> Study:
        """The study as it is sent: the config's, and what tables of study design add. Raises SourceError."""
        return self._design.combined.study

    def tables(self) -> Sequence[DesiredTable]:
        """The tables, the study first."""
        return self._tables

    def lacking(self) -> Sequence[str]:
        """The tables of the roster, beside that of the participants, that are not there or have no rows."""
        return self.frame.lacking()


def _tells_of_products(table: PackTable) -> bool:
    """Whether a table is of the cell product, or of what it is given with."""
    return bool(table.words.cell_products or (table.words.study and table.words.study.device))


def _relations(frame: Frame) -> Relations | None:
    """The relations between rows, where the pack knows their table and it comes in."""
    words = frame.pack.words.relations
    table = frame.tables.get(words.table) if words else None
    if words is None or table is None or table.damage is not None:
        return None
    return Relations(frame, words, table)


def assemble(
    source: Source, pack: Pack, policy: Policy, secret: bytes, own: tuple[NamedBuilder, ...] = ()
) -> DesiredTables:
    """Everything the target should have of the source. In a blind project the source is sealed here.

    ``own`` are the integrator's own builders that make resources, too.
    Raises UsageError for a masked study whose pack seals nothing and for tables of the cell product or of devices
    that it leaves open in a blind project, PackError, SourceError.
    """
    refuse_unsealed_pack(policy.study, policy.blind, bool(pack.seals), pack.words.pack)
    products = [name for name, one in sorted(pack.tables.items()) if _tells_of_products(one)]
    unsealed = [name for name in products if not pack.seals.seals_table(name)]
    refuse_open_products(policy.blind, unsealed, pack.words.pack)
    seals = pack.seals if policy.blind else Seals()
    opened = SealedSource(source, seals) if seals else source
    frame = Frame(
        source=opened,
        pack=fitted(pack, opened.tables()),
        policy=policy,
        identity=Identity(secret, policy.domain),
        seals=seals,
        own=own,
    )
    refuse_second_participants(frame.pack, opened.tables())
    relations = _relations(frame)
    mapped: dict[str, MappedTable] = {}
    for pack_table, table in frame.mapped:
        mapped[table.name] = MappedTable(frame, pack_table, table, mapped, relations)
    design = StudyDesign(frame)
    tables: list[DesiredTable] = [StudyTable(frame, design), *design.tables()]
    qualifying: set[str] = set()
    for pack_table, table in frame.mapped:
        tables.append(mapped[table.name])
        for join in pack_table.words.join:
            if join.kind == "qualifiers" and join.table in frame.tables and join.table not in qualifying:
                tables.append(QualifierTable(frame, frame.tables[join.table], mapped[table.name]))
                qualifying.add(join.table)
    others = set(frame.tables) - set(mapped) - qualifying - {table.name for _, table in frame.telling_of_study}
    if relations is not None:
        tables.append(RelationTable(frame, relations))
        others.discard(relations.table.name)
    if policy.blind:
        # A file that cannot be read, of a table that nobody maps, may be a sealed one under another name.
        others = {name for name in others if frame.tables[name].damage is None}
    tables += [UnmappedTable(frame, frame.tables[name]) for name in sorted(others)]
    return DesiredTables(frame, design, tables)

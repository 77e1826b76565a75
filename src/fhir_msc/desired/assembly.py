"""All tables of a project for one target, in the order in which they are staged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.mapped import MappedTable
from fhir_msc.desired.model import Account, Desired, DesiredTable
from fhir_msc.desired.policy import Policy
from fhir_msc.desired.study import StudyTable
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.mapping.joins import Qualifiers
from fhir_msc.mapping.pack import Pack
from fhir_msc.release.blinding import refuse_unsealed_pack
from fhir_msc.resources.identity import Identity
from fhir_msc.sources.seals import SealedSource, Seals
from fhir_msc.sources.table import Source, Table


class QualifierTable:
    """A DesiredTable of supplemental qualifiers: its rows go into their parents' rows."""

    def __init__(self, frame: Frame, table: Table, parent: MappedTable) -> None:
        self.name = table.name
        self.account = Account(table.name, table.file)
        self.findings: list[Finding] = []
        self._frame = frame
        self._parent = parent

    def fingerprint(self) -> bytes:
        """That of the parent, whose rows decide what becomes of these."""
        return self._frame.identity.digest("table", (self.name, self._parent.fingerprint().hex()))

    def stream(self) -> Iterator[list[Desired]]:
        """No bodies of its own; accounts for the rows. The parent comes first."""
        mapper = self._parent.mapper
        joins = [join for join in (mapper.joins if mapper else ()) if isinstance(join, Qualifiers)]
        for join in joins:
            if join.table.name == self.name:
                used = join.used()
                self.account.rows = join.rows
                self.account.outcomes["merged", f"a row of {self._parent.name}"] += used
                if join.rows > used:
                    self.account.outcomes["rejected", "MSC-MAP-008"] += join.rows - used
                    self.findings.append(
                        Finding(
                            "MSC-MAP-008",
                            Severity.ERROR,
                            "qualifiers whose row does not exist",
                            (Origin(join.table.file, self.name, fields=("IDVAR", "IDVARVAL")),),
                            hint=f"correct IDVAR and IDVARVAL, or the row of {self._parent.name}",
                            count=join.rows - used,
                        )
                    )
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
        self.account.rows = self._count()
        self.account.outcomes["not-mapped", self._reason()] += self.account.rows
        self.findings.append(
            Finding(
                "MSC-MAP-009",
                Severity.INFORMATION,
                f"not mapped: {self._reason()}",
                (Origin(self.account.file, self.name),),
                count=max(1, self.account.rows),
            )
        )
        yield []

    def _count(self) -> int:
        return sum(1 for _ in self._frame.source.rows(self.name, ()))

    def _reason(self) -> str:
        return self._frame.pack.words.not_mapped.get(self.name, "the pack has no words for it")


@dataclass(frozen=True)
class DesiredTables:
    """A DesiredSet."""

    frame: Frame
    _tables: Sequence[DesiredTable]

    def tables(self) -> Sequence[DesiredTable]:
        """The tables, the study first."""
        return self._tables


def assemble(source: Source, pack: Pack, policy: Policy, secret: bytes) -> DesiredTables:
    """Everything the target should have of the source. In a blind project the source is sealed here.

    Raises UsageError for a masked study whose pack seals nothing, PackError, SourceError.
    """
    refuse_unsealed_pack(policy.study, policy.blind, bool(pack.seals), pack.words.pack)
    seals = pack.seals if policy.blind else Seals()
    frame = Frame(
        source=SealedSource(source, seals) if seals else source,
        pack=pack,
        policy=policy,
        identity=Identity(secret, policy.domain),
        seals=seals,
    )
    tables: list[DesiredTable] = [StudyTable(frame)]
    named: set[str] = set()
    for pack_table, table in frame.mapped:
        mapped = MappedTable(frame, pack_table, table)
        tables.append(mapped)
        named.add(table.name)
        for join in pack_table.words.join:
            if join.kind == "qualifiers" and join.table in frame.tables and join.table not in named:
                tables.append(QualifierTable(frame, frame.tables[join.table], mapped))
                named.add(join.table)
    tables += [UnmappedTable(frame, frame.tables[name]) for name in sorted(set(frame.tables) - named)]
    return DesiredTables(frame, tables)

"""What all tables of one run share: source, pack, policy, identity, and the roster once it is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from fhir_msc.desired.bodies import BodyMaker
from fhir_msc.desired.fingerprint import fingerprint
from fhir_msc.desired.policy import Policy
from fhir_msc.desired.products import Products
from fhir_msc.desired.roster import Roster
from fhir_msc.errors import SourceError
from fhir_msc.findings import Finding, Severity
from fhir_msc.mapping.compiler import compile_table, reads
from fhir_msc.mapping.design_table import compile_design
from fhir_msc.mapping.pack import Pack, PackTable
from fhir_msc.mapping.table import TableMapper
from fhir_msc.release.consent import UNCLEAR_WITHDRAWAL, ConsentState, Gate, gate
from fhir_msc.release.withdrawal import day_of_visit
from fhir_msc.resources.context import ResourceContext
from fhir_msc.resources.identity import Identity
from fhir_msc.resources.own import NamedBuilder
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import LABEL, Source, Table
from fhir_msc.trial import CellProduct, Consent, DeviceFact, Disposition, Participant, Visit
from fhir_msc.version import __version__

SEVERAL_SITES = "MSC-SITE-003"
_ROSTER_KINDS = ("participants", "consents", "dispositions", "visits")


def body_maker(policy: Policy, identity: Identity) -> BodyMaker:
    """What makes the bodies of a target."""
    return BodyMaker(
        ResourceContext(policy.namespace, policy.blind, policy.study, identity, synthetic=policy.synthetic)
    )


@dataclass
class Frame:
    """The common ground of a run. The source is sealed already where the project is blind."""

    source: Source
    pack: Pack
    policy: Policy
    identity: Identity
    seals: Seals
    own: tuple[NamedBuilder, ...] = ()
    """The integrator's own builders that the project asks for."""

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """The source's tables by name."""
        return {table.name: table for table in self.source.tables()}

    @cached_property
    def mapped(self) -> Sequence[tuple[PackTable, Table]]:
        """The tables of participants that the pack maps and the source has, in the pack's order."""
        return [one for one in self._described if one[0].words.study is None]

    @cached_property
    def telling_of_study(self) -> Sequence[tuple[PackTable, Table]]:
        """The tables of study design, in the pack's order: their rows belong to no participant."""
        return [one for one in self._described if one[0].words.study is not None]

    @cached_property
    def _described(self) -> Sequence[tuple[PackTable, Table]]:
        order = {name: i for i, name in enumerate(self.pack.words.order)}
        known = [
            (pack_table, self.tables[name]) for name, pack_table in self.pack.tables.items() if name in self.tables
        ]
        return sorted(known, key=lambda one: (order.get(one[1].name, len(order)), one[1].name))

    @property
    def has_infusions(self) -> bool:
        """Whether a table of infusions comes in, or the pack knows of none."""
        known = any(pack_table.words.infusions for pack_table in self.pack.tables.values())
        return not known or any(pack_table.words.infusions for pack_table, _ in self.mapped)

    @cached_property
    def maker(self) -> BodyMaker:
        """Makes the bodies."""
        return body_maker(self.policy, self.identity)

    def mapper(self, pack_table: PackTable, table: Table) -> TableMapper:
        """The compiled mapper of a table."""
        return compile_table(self.pack, pack_table, table, self.source, self.seals)

    def zone(self, participant: str) -> str | None:
        """The zone of a participant's site."""
        return self.roster.member(participant).zone

    @cached_property
    def roster(self) -> Roster:
        """The roster, read when it is first asked for."""
        policy = self.policy
        roster = Roster(policy.zone_of, policy.consent, policy.withdrawals)
        self.__dict__["roster"] = roster  # reading it asks for the zones of those it has already
        try:
            self._read_roster(roster)
        except BaseException:
            del self.__dict__["roster"]  # no other table may be judged by half a roster
            raise
        return roster

    def _read_roster(self, roster: Roster) -> None:
        for pack_table, table in self._roster_tables():
            if pack_table.words.participants:
                self._enrol(roster, pack_table, table, Participant)
        self._refuse_without_participants(roster)
        for pack_table, table in self._roster_tables():
            if pack_table.words.consents or pack_table.words.dispositions:
                self._enrol(roster, pack_table, table, (Consent, Disposition))
        for pack_table, table in self._roster_tables():
            if pack_table.words.visits:
                self._enrol(roster, pack_table, table, Visit)

    def _refuse_without_participants(self, roster: Roster) -> None:
        """Rows of nobody are no study: the table of participants was lost on the way, not each of its participants."""
        names = [name for name, pack_table in self.pack.tables.items() if pack_table.words.participants]
        if not names or roster.has_participants():
            return
        for _, table in self.mapped:
            if next(self.source.rows(table.name, ()), None) is not None:
                known = self.tables.get(names[0])
                raise SourceError(
                    f"{'has no rows' if known else 'is not in the source'}, though {table.name} has",
                    file=known.file if known else names[0],
                    table=names[0],
                    hint="Give the table of participants whole: what belongs to nobody it names cannot be sent.",
                )

    def lacking(self) -> list[str]:
        """The tables of consents, steps and visits that are not in the source or have no rows. That of the
        participants is missed by whoever reads the roster."""
        decide = [
            name
            for name, one in sorted(self.pack.tables.items())
            if any(getattr(one.words, kind) for kind in _ROSTER_KINDS) and not one.words.participants
        ]
        return [name for name in decide if not self._has_rows(name)]

    def _has_rows(self, name: str) -> bool:
        """Whether a table is there with a row; one that cannot be read is."""
        table = self.tables.get(name)
        if table is None:
            return False
        try:
            return table.damage is not None or next(self.source.rows(name, ()), None) is not None
        except SourceError:
            return True  # whoever reads it is told

    def _roster_tables(self) -> Iterator[tuple[PackTable, Table]]:
        for pack_table, table in self.mapped:
            if any(getattr(pack_table.words, kind) for kind in _ROSTER_KINDS):
                yield pack_table, table

    def _enrol(
        self, roster: Roster, pack_table: PackTable, table: Table, kind: type[object] | tuple[type[object], ...]
    ) -> None:
        mapper = self.mapper(pack_table, table)
        for row in mapper.map(mapper.rows(), self.zone):
            if kind is Participant and row.problems and row.participant:
                roster.add_unmapped(row.participant)
            for record in row.records:
                if not isinstance(record, kind):
                    continue
                if isinstance(record, Participant):
                    roster.add_participant(record)
                elif isinstance(record, Consent):
                    roster.add_consent(record)
                elif isinstance(record, Disposition):
                    roster.add_disposition(record)
                elif isinstance(record, Visit) and record.number is not None and self.may_leave(record) is None:
                    rid = self.identity.rid("Encounter", record.key[1:])
                    roster.add_visit(
                        record.participant, record.number, rid, day_of_visit(record, self._consent(record))
                    )

    @cached_property
    def products(self) -> Products | None:
        """The units of the cell product, read when they are first asked for; ``None`` in a blind project."""
        if self.policy.blind:
            return None
        form = self.policy.record_number
        products = Products(re.compile(form) if form else None)
        for table, columns in self._persons():
            for _, cells in self.source.rows(table.name, columns):
                products.add_persons(cells)
        for pack_table, table in self._product_tables():
            mapper = self.mapper(pack_table, table)
            for row in mapper.map(mapper.rows(), self.zone):
                for record in row.records:
                    if isinstance(record, CellProduct) and products.tells(record) is None:
                        products.add(record, self.identity.rid("BiologicallyDerivedProduct", record.key[1:]))
        return products

    @cached_property
    def devices(self) -> frozenset[str]:
        """The devices that the tables of study design describe, by the sponsor's identifier. Raises SourceError."""
        return frozenset(
            part.device
            for pack_table, table in self._device_tables()
            for row in compile_design(self.pack, pack_table, table, self.source, self.seals).map()
            for part, _ in row.parts
            if isinstance(part, DeviceFact)
        )

    def _device_tables(self) -> Sequence[tuple[PackTable, Table]]:
        return [(one, table) for one, table in self.telling_of_study if one.words.study and one.words.study.device]

    def _product_tables(self) -> Sequence[tuple[PackTable, Table]]:
        return [(pack_table, table) for pack_table, table in self.mapped if pack_table.words.cell_products]

    def _persons(self) -> Iterator[tuple[Table, Sequence[str]]]:
        """The columns of persons: those that the source flags as identifying, and those that the pack names."""
        for name, table in sorted(self.tables.items()):
            columns = sorted(table.identifiers.union(self.pack.words.persons.get(name, ())).intersection(table.columns))
            if columns and table.damage is None:
                yield table, columns

    @cached_property
    def products_digest(self) -> bytes:
        """What the bodies of products and infusions depend on besides their own rows."""
        total = hashlib.sha256()
        if not self.policy.blind:
            for pack_table, table in self._product_tables():
                total.update(self.rows_digest(pack_table, table))
            for table, columns in self._persons():
                total.update(self.digest_rows(table, columns))
        return total.digest()

    @cached_property
    def devices_digest(self) -> bytes:
        """What the bodies of what is done with a device depend on besides their own rows."""
        total = hashlib.sha256()
        if not self.policy.blind:
            for pack_table, table in self._device_tables():
                total.update(self.rows_digest(pack_table, table))
        return total.digest()

    def may_leave(self, record: Visit) -> str | None:
        """Why a visit is held. One that was missed, and has no date, is held only where it may be later than the
        consent."""
        kind = Gate.HISTORY if record.status == "cancelled" and record.start is None else Gate.DATED
        return gate(self._consent(record), record.start, kind)

    def _consent(self, record: Visit) -> ConsentState:
        return self.roster.member(record.participant).consent

    def questions(self) -> list[Finding]:
        """What the sites must be asked before anything follows from it."""
        asked = [
            (self.identity.rid("Patient", (step.participant,)), step) for step in self.roster.unclear_withdrawals()
        ]
        return [
            Finding(
                rule=UNCLEAR_WITHDRAWAL,
                severity=Severity.WARNING,
                message="a withdrawal that does not say whether the consent was withdrawn: nothing is stopped",
                origins=step.origins,
                key=patient,
                patient=patient,
                hint='ask the site, then answer in fhir-msc.toml: [consent.withdrawals] PARTICIPANT = "consent" or '
                '"participation"',
            )
            for patient, step in asked
        ]

    def of_several_sites(self) -> list[Finding]:
        """The participants whose rows name more than one site."""
        return [
            Finding(
                rule=SEVERAL_SITES,
                severity=Severity.WARNING,
                message="the rows of a participant name different sites: nothing leaves for a target that does not "
                "take all of them",
                origins=origins,
                key=patient,
                patient=patient,
                hint="correct the source: one row per participant",
            )
            for participant, origins in self.roster.of_several_sites()
            for patient in (self.identity.rid("Patient", (participant,)),)
        ]

    def fingerprint(self, name: str, *rows: bytes) -> bytes:
        """The fingerprint of a table whose bodies depend on these rows, on those of the roster, on the pack, on the
        config, and on the engine."""
        source = self.identity.digest("table", (name, self._roster_digest.hex(), *(one.hex() for one in rows)))
        return fingerprint(source, *self._basis)

    @cached_property
    def _roster_digest(self) -> bytes:
        total = hashlib.sha256()
        for pack_table, table in self._roster_tables():
            total.update(self.rows_digest(pack_table, table))
        return total.digest()

    @cached_property
    def _basis(self) -> tuple[bytes, bytes, bytes]:
        """What every body depends on besides rows: pack, config, engine."""
        digest = self.identity.digest
        return (
            digest("pack", (hashlib.sha256(self.pack.text).hexdigest(),)),
            digest("config", (_policy_text(self.policy),)),
            digest("engine", (__version__, *(one.extension.identity for one in self.own))),
        )

    def rows_digest(self, pack_table: PackTable, table: Table) -> bytes:
        """A keyed digest of the rows of a table and of those joined to it, of the columns that are read."""
        if table.name not in self._digests:
            self._digests[table.name] = self._rows_digest(pack_table, table)
        return self._digests[table.name]

    @cached_property
    def _digests(self) -> dict[str, bytes]:
        return {}

    def _rows_digest(self, pack_table: PackTable, table: Table) -> bytes:
        words = pack_table.words
        joined = [self.tables[join.table] for join in words.join if join.table in self.tables]
        named = reads(words, self.pack, self.seals)
        read = [column for column in named if column.removesuffix(LABEL) in table.columns]
        # A table that is joined by qualifiers is found by any of its columns.
        total = self.digest_rows(table, sorted({*read, *table.columns}) if joined else sorted(read))
        for other in joined:
            total += self.digest_rows(other, other.columns)
        return total

    def digest_rows(self, table: Table, columns: Sequence[str]) -> bytes:
        """Equal for equal rows in equal order; in any order where row numbers may not be given out, for then the order
        tells what must not be told, and nothing depends on it."""
        key = self.identity.digest("rows", (table.name, *columns))
        rows = self.source.rows(table.name, columns)
        if not table.numbered:
            digests = (hashlib.blake2b("\x1f".join(cells).encode(), key=key, digest_size=32) for _, cells in rows)
            count = total = 0
            for digest in digests:
                count += 1
                total += int.from_bytes(digest.digest())
            return b"%d:%d" % (count, total % (1 << 256))
        ordered = hashlib.blake2b(key=key, digest_size=32)
        for _, cells in rows:
            ordered.update("\x1f".join(cells).encode() + b"\x1e")
        return ordered.digest()


def _policy_text(policy: Policy) -> str:
    plain = {
        name: sorted(value) if isinstance(value := getattr(policy, name), frozenset) else value
        for name in policy.__slots__
    }
    return repr(sorted(plain.items()))

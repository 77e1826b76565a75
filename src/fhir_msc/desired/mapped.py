"""One source table on its way to bodies: map, release, build, check, and account for every row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.keys import KeyRegister
from fhir_msc.desired.model import Account, Desired
from fhir_msc.desired.roster import Member
from fhir_msc.desired.study import site_rid, study_rid
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.mapping.pack import PackTable
from fhir_msc.mapping.table import MappedRow, TableMapper
from fhir_msc.release.blinding import refuse_sealed
from fhir_msc.release.consent import BEFORE_CONSENT, REASONS, WITHOUT_CONSENT, Gate, gate
from fhir_msc.resources.consent import InformedConsent
from fhir_msc.resources.context import Links
from fhir_msc.resources.research_subject import Enrolment
from fhir_msc.sources.table import Table
from fhir_msc.trial import (
    AdverseEvent,
    CellProduct,
    Consent,
    Disposition,
    Infusion,
    Key,
    Observation,
    Participant,
    Record,
    Visit,
)

_BATCH = 500
_MOST_ORIGINS = 100
"""How many rows one finding about a participant's held rows names."""

_MOST_PERSONS = 512
_SHARED_KEY = "MSC-KEY-001"
_TWICE = "MSC-KEY-002"
_HINTS = {
    BEFORE_CONSENT: "if the consent covers it, say so in fhir-msc.toml: [consent] covers_days_before = N",
    WITHOUT_CONSENT: "record the consent in the source; it is never assumed",
}
NOT_OF_THIS_TARGET = "MSC-SITE-001"
UNKNOWN_PARTICIPANT = "MSC-MAP-007"


@dataclass(slots=True)
class _Held:
    """The rows of one participant that are held for one reason."""

    count: int = 0
    origins: list[Origin] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Made:
    """What one record became: a body, or the reason why not."""

    desired: Desired | None
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Person:
    """What all bodies of one participant share."""

    lane: str
    study: str
    site: str | None
    member: Member
    encounters: dict[str, tuple[str, str | None] | None]


_PRECEDENCE = {"delivered": 0, "merged": 1, "held": 2, "rejected": 3, "withheld": 4, "not-mapped": 5}
"""Of a row with several records the best outcome counts; what went wrong with the others stands in the findings."""

_TYPES: dict[type[object], str] = {
    Visit: "Encounter",
    Infusion: "MedicationAdministration",
    Observation: "Observation",
    AdverseEvent: "AdverseEvent",
}


class MappedTable:
    """A DesiredTable over a mapped source table."""

    def __init__(self, frame: Frame, pack_table: PackTable, table: Table) -> None:
        self._frame = frame
        self._pack_table = pack_table
        self._table = table
        self.name = table.name
        self.account = Account(table.name, table.file)
        self._findings: list[Finding] = []
        self._held: dict[tuple[str, str], _Held] = {}
        self._persons: dict[str, _Person] = {}
        self.mapper: TableMapper | None = None

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found; complete once ``stream`` is exhausted."""
        return self._findings

    def fingerprint(self) -> bytes:
        """Equal fingerprints give equal bodies."""
        frame = self._frame
        rows = frame.rows_digest(self._pack_table, self._table).hex()
        return frame.identity.digest("table", (self.name, frame.common_fingerprint.hex(), rows))

    def stream(self) -> Iterator[list[Desired]]:
        """The bodies in batches; a rid that comes again replaces the earlier one."""
        frame = self._frame
        self.mapper = mapper = frame.mapper(self._pack_table, self._table)
        register = KeyRegister()
        repeated: set[str] = set()
        batch: list[Desired] = []
        for row in mapper.map(mapper.rows(), frame.zone):
            batch += self._take(row)
            if len(batch) >= _BATCH:
                repeated |= register.add([desired.rid for desired in batch])
                yield batch
                batch = []
        repeated |= register.add([desired.rid for desired in batch])
        yield batch
        if repeated:
            yield self._told_apart(mapper, repeated)
        self._finish(mapper)

    def _take(self, row: MappedRow) -> list[Desired]:
        """The bodies of a row; its outcome goes into the account, the best of its records' outcomes."""
        account = self.account
        account.rows += row.members if row.outcome != "grouped" else 0
        if row.outcome == "grouped":
            return []
        if row.outcome == "merged":
            account.outcomes["merged", "the same dose"] += 1
            return []
        if row.outcome == "empty":
            account.outcomes["not-mapped", "nothing in it that the pack maps"] += row.members
            return []
        self._findings += row.problems
        made = [
            one
            for record, lasting in zip(row.records, row.correctable, strict=True)
            for one in self._make(record, lasting)
        ]
        if row.problems:
            made.append(_Made(None, "rejected", row.problems[0].rule))
        best = min(made, key=lambda one: _PRECEDENCE[one.outcome])
        account.outcomes[best.outcome, best.reason] += 1
        if row.members > 1:
            rest = "merged" if best.outcome == "delivered" else best.outcome
            account.outcomes[rest, best.reason or "one panel"] += row.members - 1
        return [one.desired for one in made if one.desired is not None]

    def _make(self, record: Record, lasting: Key | None) -> Iterator[_Made]:
        frame, participant = self._frame, record.participant
        person = self._person(participant)
        member = person.member
        if not member.known:
            self._reject(record, UNKNOWN_PARTICIPANT, "the participant is in no table of participants")
            yield _Made(None, "rejected", UNKNOWN_PARTICIPANT)
            return
        allowed = frame.policy.sites
        if allowed is not None and member.site not in allowed:
            yield _Made(None, "withheld", NOT_OF_THIS_TARGET)
            return
        if frame.policy.blind:
            refuse_sealed(record)
        held = self._gate(record)
        if held is not None:
            self._hold(record, held)
            yield _Made(None, "held", held)
            return
        if isinstance(record, Disposition) or (isinstance(record, Consent) and record.decision == "withdrawn"):
            yield _Made(None, "merged", "the participant's ResearchSubject")
        elif isinstance(record, CellProduct):
            yield _Made(None, "not-mapped", "cell products have no resource here")
        elif isinstance(record, Participant):
            yield self._build(record, "Patient", record, (participant,), None)
            consents = frame.roster.consents(participant)
            given = next((one for one in consents if one.decision == "given"), None)
            withdrawal = next(iter(frame.roster.withdrawals(participant)), None)
            ended = withdrawal if member.consent.withdrawn else None
            consent = InformedConsent(given, ended) if given else None
            steps = tuple(frame.roster.dispositions(participant))
            others: tuple[Consent | Disposition, ...] = (*consents, *steps)
            origins = (*record.origins, *(origin for one in others for origin in one.origins))
            yield self._build(
                replace(record, origins=tuple(dict.fromkeys(origins))),
                "ResearchSubject",
                Enrolment(record, consent, steps),
                (participant,),
                None,
            )
        elif isinstance(record, Consent):
            withdrawal = next(iter(frame.roster.withdrawals(participant)), None) if member.consent.withdrawn else None
            yield self._build(record, "Consent", InformedConsent(record, withdrawal), record.key[1:], lasting)
        else:
            yield self._build(record, _TYPES[type(record)], record, record.key[1:], lasting)

    def _person(self, participant: str) -> _Person:
        person = self._persons.get(participant)
        if person is None:
            if len(self._persons) >= _MOST_PERSONS:
                self._persons.clear()
            frame = self._frame
            member = frame.roster.member(participant)
            identity, study = frame.identity, frame.policy.study.identifier
            person = self._persons[participant] = _Person(
                lane=identity.rid("Patient", (participant,)),
                study=study_rid(identity, study, member.site),
                site=site_rid(identity, member.site) if member.site else None,
                member=member,
                encounters={},
            )
        return person

    def _encounter(self, person: _Person, participant: str, visit: str | None) -> tuple[str, str | None] | None:
        if visit is None:
            return None
        if visit not in person.encounters:
            person.encounters[visit] = self._frame.roster.encounter(participant, visit)
        return person.encounters[visit]

    def _gate(self, record: Record) -> str | None:
        frame = self._frame
        if isinstance(record, Visit):
            return frame.may_leave(record)
        person = self._person(record.participant)
        state, policy = person.member.consent, frame.policy.consent
        if isinstance(record, Participant | Consent | Disposition | CellProduct):
            return gate(state, None, Gate.PERSON, policy)
        collected = record.effective if isinstance(record, Observation) else record.start
        if collected is None and not isinstance(record, AdverseEvent):
            visit = self._encounter(person, record.participant, record.visit)
            collected = visit[1] if visit else None
        return gate(state, collected, Gate.DATED, policy)

    def _build(self, record: Record, type: str, what: object, parts: Sequence[str], lasting: Key | None) -> _Made:
        frame = self._frame
        rid = frame.identity.rid(type, parts)
        person = self._person(record.participant)
        body = frame.maker.make(what, self._links(record, type, rid, person))
        if body.findings:
            self._findings += [replace(one, origins=record.origins) for one in body.findings]
            wrong = next((one.rule for one in body.findings if one.is_error), None)
            if wrong is not None:
                return _Made(None, "rejected", wrong)
        desired = Desired(
            rid=rid,
            type=type,
            lane=person.lane,
            rank=body.rank,
            body=body.content,
            digest=sha256(body.content).digest(),
            table=self.name,
            origins=record.origins,
            refs=body.refs,
            loose=frame.identity.digest("loose", (type, *lasting)) if lasting is not None else None,
        )
        return _Made(desired, "delivered")

    def _links(self, record: Record, type: str, rid: str, person: _Person) -> Links:
        if isinstance(record, Observation | Infusion):
            encounter = self._encounter(person, record.participant, record.visit)
            return Links(rid, person.lane, person.study, encounter[0] if encounter else None)
        consent = None
        if type == "ResearchSubject":
            consents = self._frame.roster.consents(record.participant)
            given = next((one for one in consents if one.decision == "given"), None)
            consent = self._frame.identity.rid("Consent", given.key[1:]) if given else None
        return Links(rid, person.lane, person.study, consent=consent, service_provider=person.site)

    def _told_apart(self, mapper: TableMapper, repeated: set[str]) -> list[Desired]:
        """The bodies of rows that share a key, under keys that tell them apart, whatever the order of the rows."""
        sharing: dict[str, list[tuple[tuple[str, ...], bytes, Record, Key | None]]] = {}
        for row in mapper.map(mapper.rows(), self._frame.zone):
            for record, lasting in zip(row.records, row.correctable, strict=True):
                if self._is_released(record):
                    for made in self._make(record, lasting):
                        if made.desired is not None and made.desired.rid in repeated:
                            content = made.desired.body
                            sharing.setdefault(made.desired.rid, []).append((row.tie, content, record, lasting))
        bodies: list[Desired] = []
        for rid in sorted(sharing):
            group = sorted(sharing[rid], key=lambda one: one[:2])
            bodies += self._group_told_apart(rid, group)
        return bodies

    def _is_released(self, record: Record) -> bool:
        return self._person(record.participant).member.known and self._gate(record) is None

    def _group_told_apart(
        self, rid: str, group: list[tuple[tuple[str, ...], bytes, Record, Key | None]]
    ) -> list[Desired]:
        distinct = list({one[1]: one for one in reversed(group)}.values())[::-1]
        equal = len(group) - len(distinct)
        if equal:
            self.account.outcomes["delivered", ""] -= equal
            self.account.outcomes["merged", "equal rows"] += equal
        if len(distinct) == 1:
            return []
        origins = tuple(origin for _, _, record, _ in distinct for origin in record.origins)
        if isinstance(distinct[0][2], Participant):
            message = "a participant stands twice, and differs"
            self._findings.append(Finding(_TWICE, Severity.ERROR, message, origins, key=rid))
        else:
            self._findings.append(
                Finding(
                    _SHARED_KEY,
                    Severity.WARNING,
                    "rows that share a key and differ: told apart by their content",
                    origins,
                    key=rid,
                    hint="name columns that tell them apart under `key` or `tie-breakers` in the pack",
                )
            )
        bodies: list[Desired] = []
        seen: dict[tuple[str, ...], int] = {}
        for place, (tie, _, record, lasting) in enumerate(distinct):
            nth = seen[tie] = seen.get(tie, 0) + 1
            extra = () if place == 0 else ("#", *tie, str(nth))
            if extra and isinstance(record, Participant):
                self.account.outcomes["delivered", ""] -= 1
                self.account.outcomes["rejected", _TWICE] += 1
                continue
            record = replace(record, key=(*record.key, *extra))
            bodies += [made.desired for made in self._make(record, lasting) if made.desired is not None]
        return bodies

    def _reject(self, record: Record, rule: str, message: str) -> None:
        self._findings.append(
            Finding(rule, Severity.ERROR, message, record.origins, hint="correct the identifier in the source")
        )

    def _hold(self, record: Record, reason: str) -> None:
        held = self._held.setdefault((record.participant, reason), _Held())
        held.count += 1
        if len(held.origins) < _MOST_ORIGINS:
            held.origins += record.origins

    def _finish(self, mapper: TableMapper) -> None:
        self._findings += mapper.notes.findings()
        for (participant, reason), held in sorted(self._held.items()):
            self._findings.append(
                Finding(
                    reason,
                    Severity.WARNING,
                    f"{REASONS[reason]}: held",
                    tuple(sorted(held.origins, key=str)),
                    key=self._frame.identity.rid("Patient", (participant,)),
                    hint=_HINTS.get(reason),
                    count=held.count,
                )
            )
        if self._pack_table.words.dispositions:
            self._findings += [
                one for one in self._frame.questions() if any(origin.table == self.name for origin in one.origins)
            ]

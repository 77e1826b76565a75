"""Records to desired resources: who may go, under which id, referring to what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256
from typing import NamedTuple, TypeAlias

from fhir_msc.desired.bodies import Body
from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Desired
from fhir_msc.desired.products import Products
from fhir_msc.desired.protocol import device_rid
from fhir_msc.desired.reports import Reports
from fhir_msc.desired.roster import Member
from fhir_msc.desired.samples import Samples
from fhir_msc.desired.study import site_rid, study_rid
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.release.blinding import refuse_sealed
from fhir_msc.release.consent import AFTER_WITHDRAWAL, Gate, gate
from fhir_msc.resources.consent import InformedConsent
from fhir_msc.resources.context import Links
from fhir_msc.resources.medication_administration import Dispensed
from fhir_msc.resources.own import NamedBuilder
from fhir_msc.resources.research_subject import Enrolment
from fhir_msc.trial import (
    AdverseEvent,
    CellProduct,
    Condition,
    Consent,
    Disposition,
    Infusion,
    Key,
    Medication,
    Observation,
    Participant,
    Record,
    Visit,
)

NOT_OF_THIS_TARGET = "MSC-SITE-001"
UNKNOWN_PARTICIPANT = "MSC-MAP-007"
PARTICIPANT_REJECTED = "MSC-MAP-010"
VAGUE_END = "MSC-TIME-002"
TELLS_PERSON = "MSC-PHI-002"

_VAGUE = "the end is less precise than the start, and R4 cannot tell which is first: sent without the end"

_MOST_PERSONS = 512
_MOST_DAYS = 512

_TYPES: dict[type[object], str] = {
    Visit: "Encounter",
    Infusion: "MedicationAdministration",
    CellProduct: "BiologicallyDerivedProduct",
    AdverseEvent: "AdverseEvent",
    Condition: "Condition",
    Medication: "MedicationStatement",
}


def _is_vague(start: str | None, end: str | None) -> bool:
    """Whether two dates of different precision are equal as far as both go: R4's per-1 refuses such a Period."""
    if start is None or end is None or len(start) == len(end) or ("T" in start and "T" in end):
        return False
    common = min(len(start), len(end), 10)
    return start[:common] == end[:common]


class Made(NamedTuple):
    """What one record became: a resource with the parts of its key, or the reason why not; and what was found."""

    desired: Desired | None
    outcome: str
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    parts: Sequence[str] = ()


def _parts(record: Record) -> Sequence[str]:
    """The parts of a record's key that its ids are made of."""
    return (record.participant,) if isinstance(record, Participant) else record.key[1:]


def _held(reason: str | None) -> Made | None:
    # What was collected after the withdrawal will never go: it is not held for later.
    return None if reason is None else Made(None, "withheld" if reason == AFTER_WITHDRAWAL else "held", reason)


_OF_PRODUCT = (Infusion, CellProduct)
_SPANS = (Visit, Infusion, Medication)
"""Records with a start and an end."""


def _deceased(record: Participant, steps: Sequence[Disposition]) -> Participant:
    """The participant as dead where any table says so; the date of the participant's own row counts, then that of a
    step out of the study by death."""
    deaths = [step for step in steps if step.kind == "died"]
    if record.death_date is not None or not deaths:
        return record
    date = next((step.date for step in deaths if step.scope == "study" and step.date), None)
    origins = dict.fromkeys((*record.origins, *(origin for step in deaths for origin in step.origins)))
    return replace(record, died=True, death_date=date, origins=tuple(origins))


@dataclass(frozen=True, slots=True)
class _Person:
    """What all resources of one participant share."""

    lane: str
    study: str
    site: str | None
    member: Member
    barred: Made | None
    encounters: dict[str, tuple[str, str | None] | None]
    gates: dict[str | None, Made | None]
    """What is held of what was collected then."""


About: TypeAlias = "Callable[[Sequence[Origin]], tuple[str, ...]]"
"""The ids of the AdverseEvents that a result of these cells is about."""


class Maker:
    """Makes the desired resources of one table."""

    def __init__(
        self, frame: Frame, table: str, samples: Samples, reports: Reports | None, about: About | None = None
    ) -> None:
        self._frame = frame
        self._reports = reports
        self._samples = samples
        self._about = about
        self._table = table
        self._persons: dict[str, _Person] = {}
        self._loose_key = frame.identity.digest("loose", ())
        self._blind = frame.policy.blind
        self._sites = frame.policy.sites
        self._own: dict[type[object], list[NamedBuilder]] = {}
        for one in frame.own:
            self._own.setdefault(one.builder.record, []).append(one)

    def make(self, record: Record, lasting: Key | None) -> Sequence[Made]:
        """What a record becomes. ``lasting`` is its key without what a site may correct."""
        person = self._persons.get(record.participant) or self._person(record.participant)
        if person.barred is not None:
            return (person.barred if person.member.known else self._of_nobody(record),)
        if self._blind:
            refuse_sealed(record)
        held = self._gated(record, person)
        if held is not None:
            return (held,)
        made = self._made(record, lasting, person)
        own = self._own.get(record.__class__) if self._own else None
        if own is None or made[0].reason == TELLS_PERSON:
            return made
        parts = _parts(record)
        return (*made, *[self._build(record, one.type, record, parts, lasting, person, own=one) for one in own])

    def _made(self, record: Record, lasting: Key | None, person: _Person) -> Sequence[Made]:
        """What fhir_msc itself makes of a released record."""
        if isinstance(record, Observation):
            return (self._observed(record, record.key[1:], lasting, person),)
        type = _TYPES.get(record.__class__)
        if isinstance(record, _OF_PRODUCT) and (products := self._frame.products) is not None:
            return (self._of_product(record, products, lasting, person),)
        if type is not None:
            return (self._build(record, type, record, record.key[1:], lasting, person),)
        if isinstance(record, Participant):
            return self._participant(record, person)
        if isinstance(record, Consent) and record.decision == "given":
            consent = InformedConsent(record, self._frame.roster.withdrawal_of(record))
            return (self._build(record, "Consent", consent, record.key[1:], lasting, person),)
        return (Made(None, "merged", "the participant's ResearchSubject"),)

    def _barred(self, member: Member) -> Made | None:
        """Why nothing of a participant may leave, whatever it is."""
        if not member.known:
            return Made(None, "rejected", UNKNOWN_PARTICIPANT)
        if not member.mapped:
            return Made(None, "held", PARTICIPANT_REJECTED)
        if self._sites is not None and member.site not in self._sites:
            return Made(None, "withheld", NOT_OF_THIS_TARGET)
        return None

    def _of_nobody(self, record: Record) -> Made:
        message, hint = "the participant is in no table of participants", "correct the identifier in the source"
        column = self._frame.pack.tables[self._table].words.participant or ""
        origins = tuple(replace(one, fields=(column,)) if one.table == self._table else one for one in record.origins)
        finding = Finding(UNKNOWN_PARTICIPANT, Severity.ERROR, message, origins, hint=hint, value=record.participant)
        return Made(None, "rejected", UNKNOWN_PARTICIPANT, (finding,))

    def _gated(self, record: Record, person: _Person) -> Made | None:
        """Why a record may not leave, by its date."""
        if isinstance(record, Observation):
            collected = record.effective
        elif isinstance(record, AdverseEvent | Infusion):
            collected = record.start
        elif isinstance(record, Condition | Medication):
            # Written down on a day, it is gated by that day; else a history is not gated by its beginning.
            began = record.onset or record.asserted if isinstance(record, Condition) else record.start
            kind = Gate.DATED if record.recorded else Gate.HISTORY
            return _held(gate(person.member.consent, record.recorded or began, kind))
        elif isinstance(record, Visit):
            return _held(self._frame.may_leave(record))
        else:
            return _held(gate(person.member.consent, None, Gate.PERSON))
        if collected is None and not isinstance(record, AdverseEvent):
            visit = self._encounter(person, record)
            collected = visit[1] if visit else None
        known = person.gates
        if collected not in known:
            if len(known) >= _MOST_DAYS:
                known.clear()
            known[collected] = _held(gate(person.member.consent, collected, Gate.DATED))
        return known[collected]

    def _of_product(
        self, record: Infusion | CellProduct, products: Products, lasting: Key | None, person: _Person
    ) -> Made:
        """A unit of the cell product, or an infusion with the units that were given. Of an unblinded project."""
        telling = products.tells(record)
        if telling is not None:
            code, how = telling
            finding = Finding(
                TELLS_PERSON,
                Severity.ERROR,
                f"a code of the product {how}",
                record.origins,
                hint="correct the code in the source: no lot, kit or donor may name a person",
                value=code,
            )
            return Made(None, "rejected", TELLS_PERSON, (finding,))
        type, parts = _TYPES[record.__class__], record.key[1:]
        units = products.given(record) if isinstance(record, Infusion) else ()
        return self._build(record, type, record, parts, lasting, person, units=units)

    def _participant(self, record: Participant, person: _Person) -> Sequence[Made]:
        roster, participant = self._frame.roster, record.participant
        parts = (participant,)
        in_force = roster.consent_in_force(participant)
        consent = InformedConsent(*in_force) if in_force else None
        steps = tuple(roster.dispositions(participant))
        told: Sequence[Record] = (record, *roster.consents(participant), *steps)
        origins = dict.fromkeys(origin for one in told for origin in one.origins)
        enrolment = Enrolment(record, consent, steps)
        patient = _deceased(record, steps)
        consent_rid = self._frame.identity.rid("Consent", consent.given.key[1:]) if consent else None
        return (
            self._build(patient, "Patient", patient, parts, None, person),
            self._build(
                replace(record, origins=tuple(origins)), "ResearchSubject", enrolment, parts, None, person, consent_rid
            ),
        )

    def _build(
        self,
        record: Record,
        type: str,
        what: object,
        parts: Sequence[str],
        lasting: Key | None,
        person: _Person,
        consent: str | None = None,
        units: tuple[str, ...] = (),
        own: NamedBuilder | None = None,
    ) -> Made:
        rid = self._frame.identity.rid(type, parts)
        origins = record.origins
        vague = False
        if isinstance(record, _SPANS) and _is_vague(record.start, record.end):
            vague, what = True, replace(record, end=None)
        if units and isinstance(what, Infusion):
            what = Dispensed(what, units)
        if isinstance(record, Observation | Infusion):
            encounter = self._encounter(person, record)
            where = encounter[0] if encounter else None
            links = Links(rid, person.lane, person.study, where, device=self._device(record) if record.device else None)
        else:
            links = Links(rid, person.lane, person.study, None, consent, person.site)
        maker = self._frame.maker
        body = maker.make(what, links) if own is None else maker.make_own(own, what, links)
        if body is None:
            return Made(None, "not-mapped", "the own builder makes nothing of it")
        made = self._desired(record, type, parts, body, rid, lasting, person)
        if vague and made.desired is not None:
            told = Finding(VAGUE_END, Severity.WARNING, _VAGUE, origins, key=rid, hint="complete the date")
            return made._replace(findings=(*made.findings, told))
        return made

    def _observed(self, record: Observation, parts: Sequence[str], lasting: Key | None, person: _Person) -> Made:
        """An Observation, for its Specimen and its DiagnosticReport, too."""
        rid = self._frame.identity.rid("Observation", parts)
        encounter = self._encounter(person, record)
        sample = self._samples.rid(record) if record.sample else None
        where = encounter[0] if encounter else None
        device = self._device(record) if record.device else None
        links = Links(rid, person.lane, person.study, where, None, None, sample, device)
        if self._about is not None:
            links = links._replace(focus=self._about(record.origins))
        made = self._desired(record, "Observation", parts, self._frame.maker.make(record, links), rid, lasting, person)
        if made.desired is not None:
            if sample is not None:
                self._samples.add(sample, person.lane, record)
            if record.report is not None and self._reports is not None:
                self._reports.add(rid, person.lane, links, record)
        return made

    def _desired(
        self,
        record: Record,
        type: str,
        parts: Sequence[str],
        body: Body,
        rid: str,
        lasting: Key | None,
        person: _Person,
    ) -> Made:
        """What a checked body became."""
        origins = record.origins
        found: tuple[Finding, ...] = ()
        if body.findings:
            found = tuple([replace(one, origins=origins) for one in body.findings])
            wrong = next((one.rule for one in found if one.is_error), None)
            if wrong is not None:
                return Made(None, "rejected", wrong, found)
        desired = Desired(
            rid,
            type,
            person.lane,
            body.rank,
            body.content,
            sha256(body.content).digest(),
            self._table,
            origins,
            body.refs,
            self._loose(type, lasting) if lasting is not None else None,
        )
        return Made(desired, "delivered", "", found, parts)

    def _device(self, record: Infusion | Observation) -> str | None:
        """The id of the Device that a record was made with, if the source describes it."""
        device = record.device
        return device_rid(self._frame.identity, device) if device and device in self._frame.devices else None

    def _loose(self, type: str, lasting: Key) -> bytes:
        return blake2b("\x1f".join((type, *lasting)).encode(), key=self._loose_key, digest_size=32).digest()

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
                barred=self._barred(member),
                encounters={},
                gates={},
            )
        return person

    def _encounter(self, person: _Person, record: Observation | Infusion) -> tuple[str, str | None] | None:
        visit = record.visit
        if visit is None:
            return None
        known = person.encounters
        if visit not in known:
            known[visit] = self._frame.roster.encounter(record.participant, visit)
        return known[visit]

"""Records to desired resources: who may go, under which id, referring to what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from fhir_msc.desired.checked import CheckedBodies
from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Made
from fhir_msc.desired.persons import UNKNOWN_PARTICIPANT, Person, Persons, held
from fhir_msc.desired.products import Products
from fhir_msc.desired.reports import Reports
from fhir_msc.desired.results import About, Result, Results, device_of
from fhir_msc.desired.samples import Samples
from fhir_msc.findings import Finding, Severity
from fhir_msc.mapping.table import MappedRow
from fhir_msc.release.blinding import refuse_sealed
from fhir_msc.release.consent import Gate, gate
from fhir_msc.release.withdrawal import LATER_LEFT_OUT, history_gate, is_later, until_withdrawn
from fhir_msc.resources.consent import InformedConsent
from fhir_msc.resources.context import Links
from fhir_msc.resources.medication_administration import Dispensed
from fhir_msc.resources.own import NamedBuilder
from fhir_msc.resources.research_subject import Enrolment, span
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

VAGUE_END = "MSC-TIME-002"
TELLS_PERSON = "MSC-PHI-002"

_VAGUE = "the end is less precise than the start, and R4 cannot tell which is first: sent without the end"

_LATER = "what came after the withdrawal of consent is left out: sent as it stood then"
_LATER_HINT = "if the date of the withdrawal is wrong, correct it in the source"

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


def _parts(record: Record) -> Sequence[str]:
    """The parts of a record's key that its ids are made of."""
    return (record.participant,) if isinstance(record, Participant) else record.key[1:]


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


def _told(made: Made, record: Record) -> Made:
    """What a record became, with the finding that it was sent without what is later than the consent."""
    if made.desired is None:
        return made
    rid = made.desired.rid
    told = Finding(LATER_LEFT_OUT, Severity.WARNING, _LATER, record.origins, key=rid, hint=_LATER_HINT)
    return made._replace(findings=(*made.findings, told))


class Maker:
    """Makes the desired resources of one table."""

    def __init__(
        self, frame: Frame, table: str, samples: Samples, reports: Reports | None, about: About | None = None
    ) -> None:
        self._frame = frame
        self._table = table
        self._persons = Persons(frame)
        self._checked = CheckedBodies(frame, table)
        self._results = Results(frame, self._checked, samples, reports, about)
        self._blind = frame.policy.blind
        self._own: dict[type[object], list[NamedBuilder]] = {}
        for one in frame.own:
            self._own.setdefault(one.builder.record, []).append(one)

    def make_rows(self, rows: Sequence[MappedRow]) -> list[Sequence[Made]]:
        """What the records of rows become, row by row."""
        records = [record for row in rows for record in row.records]
        lasting = [key for row in rows for key in row.correctable]
        made = self._all(list(zip(records, lasting, strict=True)))
        counts = [len(row.records) for row in rows]
        if counts.count(1) == len(counts):
            return made
        following = iter(made)
        return [[one for its in islice(following, count) for one in its] for count in counts]

    def _all(self, records: Sequence[tuple[Record, Key | None]]) -> list[Sequence[Made]]:
        """What records become, in their order; each comes with its key without what a site may correct.

        Results, which most records are, are made together behind the others.
        """
        made: list[Sequence[Made]] = []
        results: list[Result] = []
        places: list[int] = []
        for record, lasting in records:
            person = self._persons[record.participant]
            refused = self._refused(record, person)
            if refused is not None:
                made.append((refused,))
            elif isinstance(record, Observation):
                results.append((record, lasting, person))
                places.append(len(made))
                made.append(())
            else:
                made.append(self._made(record, lasting, person))
        for place, one in zip(places, self._results.make(results), strict=True):
            made[place] = (one,)
        if self._own:
            return [self._with_own(*record, one) for record, one in zip(records, made, strict=True)]
        return made

    def _refused(self, record: Record, person: Person) -> Made | None:
        """Why a record may not leave."""
        if person.barred is not None:
            return person.barred if person.member.known else self._of_nobody(record)
        if self._blind:
            refuse_sealed(record)
        return self._gated(record, person)

    def _with_own(self, record: Record, lasting: Key | None, made: Sequence[Made]) -> Sequence[Made]:
        """What a record became, and what the integrator's own builders make of one that may leave."""
        own = self._own.get(record.__class__)
        person = self._persons[record.participant]
        if own is None or made[0].reason == TELLS_PERSON or self._refused(record, person) is not None:
            return made
        if isinstance(record, Disposition) and is_later(record, person.member.consent):
            return made
        parts = _parts(record)
        record = until_withdrawn(record, person.member.consent)
        return (*made, *[self._build(record, one.type, record, parts, lasting, person, own=one) for one in own])

    def _made(self, record: Record, lasting: Key | None, person: Person) -> Sequence[Made]:
        """What fhir_msc itself makes of a released record."""
        if isinstance(record, Participant):
            return self._participant(record, person)
        stood = until_withdrawn(record, person.member.consent)
        made = self._of_record(stood, lasting, person)
        return made if stood is record else [_told(one, record) for one in made]

    def _of_record(self, record: Record, lasting: Key | None, person: Person) -> Sequence[Made]:
        type = _TYPES.get(record.__class__)
        if isinstance(record, _OF_PRODUCT) and (products := self._frame.products) is not None:
            return (self._of_product(record, products, lasting, person),)
        if type is not None:
            return (self._build(record, type, record, record.key[1:], lasting, person),)
        if isinstance(record, Consent) and record.decision == "given":
            consent = InformedConsent(record, self._frame.roster.withdrawal_of(record))
            return (self._build(record, "Consent", consent, record.key[1:], lasting, person),)
        return (Made(None, "merged", "the participant's ResearchSubject"),)

    def _of_nobody(self, record: Record) -> Made:
        message, hint = "the participant is in no table of participants", "correct the identifier in the source"
        column = self._frame.pack.tables[self._table].words.participant or ""
        origins = tuple(replace(one, fields=(column,)) if one.table == self._table else one for one in record.origins)
        finding = Finding(UNKNOWN_PARTICIPANT, Severity.ERROR, message, origins, hint=hint, value=record.participant)
        return Made(None, "rejected", UNKNOWN_PARTICIPANT, (finding,))

    def _gated(self, record: Record, person: Person) -> Made | None:
        """Why a record may not leave, by its date."""
        if isinstance(record, Observation):
            collected = record.effective
        elif isinstance(record, AdverseEvent | Infusion):
            collected = record.start
        elif isinstance(record, Condition | Medication):
            began = record.onset or record.asserted if isinstance(record, Condition) else record.start
            return held(gate(person.member.consent, record.recorded or began, history_gate(record)))
        elif isinstance(record, Visit):
            return held(self._frame.may_leave(record))
        else:
            return held(gate(person.member.consent, None, Gate.PERSON))
        if collected is None and not isinstance(record, AdverseEvent):
            visit = person.encounters[record.visit]
            collected = visit[1] if visit else None
        return person.gates[collected]

    def _of_product(
        self, record: Infusion | CellProduct, products: Products, lasting: Key | None, person: Person
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

    def _participant(self, record: Participant, person: Person) -> Sequence[Made]:
        roster, participant = self._frame.roster, record.participant
        parts = (participant,)
        in_force = roster.consent_in_force(participant)
        consent = InformedConsent(*in_force) if in_force else None
        steps = tuple(roster.dispositions(participant))
        if consent and consent.withdrawal is None:  # given anew: what ended the one before does not end this one
            steps = tuple(replace(one, kind="other") if one.kind == "consent-withdrawn" else one for one in steps)
        told: Sequence[Record] = (record, *roster.consents(participant), *steps)
        origins = dict.fromkeys(origin for one in told for origin in one.origins)
        enrolment = Enrolment(record, consent, steps)
        known = _deceased(record, steps)
        patient = until_withdrawn(known, person.member.consent)
        consent_rid = self._frame.identity.rid("Consent", consent.given.key[1:]) if consent else None
        made = self._build(patient, "Patient", patient, parts, None, person)
        return (
            made if patient is known else _told(made, known),
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
        person: Person,
        consent: str | None = None,
        units: tuple[str, ...] = (),
        own: NamedBuilder | None = None,
    ) -> Made:
        rid = self._frame.identity.rid(type, parts)
        origins = record.origins
        vague = False
        if isinstance(record, _SPANS) and _is_vague(record.start, record.end):
            vague, what = True, replace(record, end=None)
        if isinstance(what, Enrolment) and _is_vague(*span(what)):
            vague, what = True, replace(what, has_end=False)
        if units and isinstance(what, Infusion):
            what = Dispensed(what, units)
        if isinstance(record, Observation | Infusion):
            encounter = person.encounters[record.visit]
            where = encounter[0] if encounter else None
            links = Links(rid, person.lane, person.study, where, device=device_of(self._frame, record))
        else:
            links = Links(rid, person.lane, person.study, None, consent, person.site)
        maker = self._frame.maker
        body = maker.make(what, links) if own is None else maker.make_own(own, what, links)
        if body is None:
            return Made(None, "not-mapped", "the own builder makes nothing of it")
        content = (body.content, body.refs, body.findings)
        [made] = self._checked.made(type, body.rank, [(record, lasting, person)], [parts], [rid], [content])
        if vague and made.desired is not None:
            told = Finding(VAGUE_END, Severity.WARNING, _VAGUE, origins, key=rid, hint="complete the date")
            return made._replace(findings=(*made.findings, told))
        return made

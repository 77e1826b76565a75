"""AdverseEvent: an untoward medical occurrence in a participant.

R4: http://hl7.org/fhir/R4/adverseevent.html. What R4 has no element for stands in extensions: grade and seriousness
criteria in those of HL7's guide to adverse events in clinical research; the end of the event and the action taken in
the project's own, for HL7's engine for R4 refuses the extensions that stand for elements of R5. The seriousness codes
are spelled as R4 published them.
"""

from __future__ import annotations

from collections.abc import Hashable

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import codeable_concept, hl7_concept, period, present, reference
from fhir_msc.resources.template import Kind, Layout, Slots
from fhir_msc.trial import AdverseEvent

_GUIDE = "http://hl7.org/fhir/uv/ae-research-ig/StructureDefinition/"
_NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
_SERIOUSNESS = {
    "C48275": "SeriousResultsInDeath",
    "C84266": "SeriousIsLifeThreatening",
    "C83052": "SeriousResultsInHospitalization",
    "C11338": "SeriousResultsInDisability",
    "C83117": "SeriousIsBirthDefect",
}
"""R4's seriousness code by the E2B criterion in NCI Thesaurus, the gravest first; "other medically important" has
none."""


_KINDS: tuple[Kind, ...] = (
    "rid", "rid", "rid", "rid", "string", "dateTime", "dateTime", "string", "string",
)  # fmt: skip


def build(record: AdverseEvent, links: Links, context: ResourceContext) -> Body:
    """The AdverseEvent of a record; the suspected treatment is named only where its causality was judged."""
    return _body(record, _shape(record, links, context)[1], context)


def _shape(record: AdverseEvent, links: Links, context: ResourceContext) -> tuple[Hashable, Slots]:
    ids = (links.rid, links.subject, links.encounter, links.study)
    dates = (record.start, record.end)
    shape = (
        record.severity,
        record.grade,
        record.serious,
        record.criteria,
        record.outcome,
        record.relatedness is None,
        record.action is None,
        *[one is None for one in ids],
        *[-1 if date is None else len(date) for date in dates],
    )
    return shape, (*ids, record.term, *dates, record.relatedness, record.action)


def _kinds(record: AdverseEvent, links: Links) -> tuple[Kind, ...]:
    return _KINDS


def _body(record: AdverseEvent, slots: Slots, context: ResourceContext) -> Body:
    rid, subject, encounter, study, term, start, end, relatedness, action = slots
    return present(
        {
            "resourceType": "AdverseEvent",
            "id": rid,
            "meta": context.meta(),
            "extension": _extensions(record, start, end, action, context) or None,
            "identifier": context.sync_identifier(rid or ""),
            "actuality": "actual",
            "event": {"text": term},
            "subject": reference("Patient", subject),
            "encounter": reference("Encounter", encounter),
            "date": start,
            "seriousness": _seriousness(record),
            "severity": _hl7("adverse-event-severity", record.severity),
            "outcome": _hl7("adverse-event-outcome", record.outcome),
            "suspectEntity": _suspect(relatedness),
            "study": [reference("ResearchStudy", study)] if study else None,
        }
    )


def _hl7(system: str, code: str | None) -> Body | None:
    return None if code is None else hl7_concept(system, code)


def _seriousness(record: AdverseEvent) -> Body | None:
    """One code: that of the gravest criterion that R4 has a code for, else whether the event is serious."""
    if record.serious is None:
        return None
    met = {coding.code for criterion in record.criteria for coding in criterion.codings if coding.system == _NCIT}
    gravest = next((code for criterion, code in _SERIOUSNESS.items() if criterion in met), "Serious")
    return hl7_concept("adverse-event-seriousness", gravest if record.serious else "Non-serious")


def _suspect(relatedness: str | None) -> list[Body] | None:
    if relatedness is None:
        return None
    return [
        {
            "instance": {"type": "MedicationAdministration", "display": "Study treatment"},
            "causality": [{"productRelatedness": relatedness}],
        }
    ]


def _extensions(
    record: AdverseEvent, start: str | None, end: str | None, action: str | None, context: ResourceContext
) -> list[Body]:
    extensions: list[Body] = [
        {"url": f"{_GUIDE}seriousness-criteria", "valueCodeableConcept": codeable_concept(criterion, context)}
        for criterion in record.criteria
    ]
    if record.grade is not None:
        extensions.append({"url": f"{_GUIDE}ae-grade", "valueCodeableConcept": codeable_concept(record.grade, context)})
    if end is not None:
        extensions.append({"url": context.extension("adverse-event-occurrence"), "valuePeriod": period(start, end)})
    if action is not None:
        words: Body = {"text": action}
        extensions.append({"url": context.extension("adverse-event-action"), "valueCodeableConcept": words})
    return extensions


LAYOUT = Layout(shape=_shape, kinds=_kinds, body=_body)

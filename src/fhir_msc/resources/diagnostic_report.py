"""DiagnosticReport: the results of one panel, of one participant, at one time.

R4: http://hl7.org/fhir/R4/diagnosticreport.html. The category of a laboratory's report is that of HL7 table 0074.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

from fhir_msc.quick import quick
from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import hl7_concept, present, reference, research_study
from fhir_msc.resources.template import Kind, Layout, Slots

_SECTIONS = {"laboratory": "LAB"}
"""Diagnostic service sections (HL7 v2 table 0074) by observation-category."""

_OPEN = frozenset(("registered", "preliminary"))
_VOID = frozenset(("cancelled", "entered-in-error"))
_CHANGED = frozenset(("amended", "corrected"))

_KINDS: tuple[Kind, ...] = ("rid", "rid", "rid", "rid", "dateTime")


@quick(frozen=True, slots=True)
class Report:
    """A report: its name in the source's words (SDTM --CAT), the observation-category of its results, when they were
    taken, and their ids. ``statuses`` are R4 observation-status codes of the results."""

    name: str
    category: str | None
    effective: str | None
    results: Sequence[str]
    statuses: Collection[str]


def build(record: Report, links: Links, context: ResourceContext) -> Body:
    """The DiagnosticReport that names its results."""
    return _body(record, _shape(record, links, context)[1], context)


def _shape(record: Report, links: Links, context: ResourceContext) -> tuple[Hashable, Slots]:
    effective, subject, study, encounter = record.effective, links.subject, links.study, links.encounter
    shape = (
        record.name,
        record.category,
        status(record.statuses),
        len(record.results),
        -1 if effective is None else len(effective),
        subject is None,
        study is None,
        encounter is None,
    )
    return shape, (links.rid, subject, study, encounter, effective, *record.results)


def _body(record: Report, slots: Slots, context: ResourceContext) -> Body:
    rid, subject, study, encounter, effective, *results = slots
    section = _SECTIONS.get(record.category or "")
    return present(
        {
            "resourceType": "DiagnosticReport",
            "id": rid,
            "meta": context.meta(),
            "extension": research_study(study),
            "identifier": [context.sync_identifier(rid or "")],
            "status": status(record.statuses),
            "category": None if section is None else [hl7_concept("v2-0074", section)],
            "code": {"text": record.name},
            "subject": reference("Patient", subject),
            "encounter": reference("Encounter", encounter),
            "effectiveDateTime": effective,
            "result": [reference("Observation", result) for result in results],
        }
    )


def status(results: Collection[str]) -> str:
    """What the states of the results say of the report (http://hl7.org/fhir/R4/valueset-diagnostic-report-status.html)."""
    counted = set(results) - _VOID
    if not counted:
        return "cancelled"
    if counted & _OPEN:
        return "partial"
    if counted & _CHANGED:
        return "corrected"
    return "final" if counted == {"final"} else "unknown"


def _kinds(record: Report, links: Links) -> tuple[Kind, ...]:
    of_a_result: Kind = "rid"
    return (*_KINDS, *[of_a_result for _ in record.results])


LAYOUT = Layout(shape=_shape, kinds=_kinds, body=_body)

"""DiagnosticReport: the results of one panel, of one participant, at one time.

R4: http://hl7.org/fhir/R4/diagnosticreport.html. The category of a laboratory's report is that of HL7 table 0074.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import hl7_concept, present, reference, research_study

_SECTIONS = {"laboratory": "LAB"}
"""Diagnostic service sections (HL7 v2 table 0074) by observation-category."""

_OPEN = frozenset(("registered", "preliminary"))
_VOID = frozenset(("cancelled", "entered-in-error"))
_CHANGED = frozenset(("amended", "corrected"))


@dataclass(frozen=True, slots=True)
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
    section = _SECTIONS.get(record.category or "")
    return present(
        {
            "resourceType": "DiagnosticReport",
            "id": links.rid,
            "meta": context.meta(),
            "extension": research_study(links.study),
            "identifier": [context.sync_identifier(links.rid)],
            "status": status(record.statuses),
            "category": None if section is None else [hl7_concept("v2-0074", section)],
            "code": {"text": record.name},
            "subject": reference("Patient", links.subject),
            "encounter": reference("Encounter", links.encounter),
            "effectiveDateTime": record.effective,
            "result": [reference("Observation", rid) for rid in record.results],
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

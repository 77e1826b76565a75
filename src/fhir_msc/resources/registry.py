"""Which builder makes which resource of which record, and in what order types are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Never, TypeVar, cast

from fhir_msc.resources import (
    adverse_event,
    biologically_derived_product,
    code_system,
    condition,
    consent,
    device,
    diagnostic_report,
    encounter,
    group,
    location,
    medication_administration,
    medication_statement,
    observation,
    organization,
    patient,
    plan_definition,
    practitioner,
    provenance,
    research_study,
    research_subject,
    specimen,
    value_set,
)
from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.template import Builder, Layout
from fhir_msc.trial import (
    AdverseEvent,
    CellProduct,
    Condition,
    Device,
    Infusion,
    Investigator,
    Medication,
    Observation,
    Participant,
    Site,
    Study,
    Visit,
)

R = TypeVar("R")

RANKS: Mapping[str, int] = MappingProxyType(
    {
        type: rank
        for rank, type in enumerate(
            (
                "CodeSystem",
                "ValueSet",
                "Organization",
                "Location",
                "Practitioner",
                "PractitionerRole",
                "Group",
                "PlanDefinition",
                "Device",
                "ResearchStudy",
                "Patient",
                "Consent",
                "ResearchSubject",
                "Encounter",
                "BiologicallyDerivedProduct",
                "MedicationAdministration",
                "Specimen",
                "AdverseEvent",
                "Observation",
                "DiagnosticReport",
                "Condition",
                "MedicationStatement",
                "Provenance",
            )
        )
    }
)
"""The order of types: what is referred to stands before what refers to it."""


def _entry(
    kind: type[R],
    type: str,
    build: Callable[[R, Links, ResourceContext], Body],
    layout: Layout[R] | None = None,
) -> tuple[type[object], Builder[Never]]:
    return kind, Builder(type, RANKS[type], build, layout)


BUILDERS: Mapping[type[object], Builder[Never]] = MappingProxyType(
    dict(
        (
            _entry(code_system.CodeSystem, "CodeSystem", code_system.build),
            _entry(value_set.ValueSet, "ValueSet", value_set.build),
            _entry(organization.Sponsor, "Organization", organization.build_sponsor),
            _entry(Site, "Organization", organization.build_site),
            _entry(location.SiteLocation, "Location", location.build),
            _entry(Investigator, "Practitioner", practitioner.build),
            _entry(practitioner.Responsibility, "PractitionerRole", practitioner.build_role),
            _entry(group.Eligibility, "Group", group.build),
            _entry(plan_definition.Schedule, "PlanDefinition", plan_definition.build_schedule),
            _entry(plan_definition.ArmPlan, "PlanDefinition", plan_definition.build_arms),
            _entry(Device, "Device", device.build),
            _entry(Study, "ResearchStudy", research_study.build),
            _entry(research_study.SiteStudy, "ResearchStudy", research_study.build_site_study),
            _entry(Participant, "Patient", patient.build),
            _entry(consent.InformedConsent, "Consent", consent.build, consent.LAYOUT),
            _entry(research_subject.Enrolment, "ResearchSubject", research_subject.build),
            _entry(Visit, "Encounter", encounter.build, encounter.LAYOUT),
            _entry(
                Infusion, "MedicationAdministration", medication_administration.build, medication_administration.LAYOUT
            ),
            _entry(
                medication_administration.Dispensed,
                "MedicationAdministration",
                medication_administration.build_dispensed,
            ),
            _entry(CellProduct, "BiologicallyDerivedProduct", biologically_derived_product.build),
            _entry(specimen.Sample, "Specimen", specimen.build, specimen.LAYOUT),
            _entry(Observation, "Observation", observation.build, observation.LAYOUT),
            _entry(diagnostic_report.Report, "DiagnosticReport", diagnostic_report.build, diagnostic_report.LAYOUT),
            _entry(AdverseEvent, "AdverseEvent", adverse_event.build, adverse_event.LAYOUT),
            _entry(Condition, "Condition", condition.build, condition.LAYOUT),
            _entry(Medication, "MedicationStatement", medication_statement.build, medication_statement.LAYOUT),
            _entry(provenance.Lineage, "Provenance", provenance.build),
        )
    )
)
"""The builders by the class of their records."""


def builder_for(kind: type[R]) -> Builder[R]:
    """The builder for records of a class; KeyError for a class that becomes no resource of its own."""
    return cast("Builder[R]", BUILDERS[kind])

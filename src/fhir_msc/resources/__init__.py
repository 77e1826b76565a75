"""How a released record becomes FHIR R4 JSON. One module per resource type."""

from fhir_msc.resources.body import Body, Number, references, serialise
from fhir_msc.resources.code_system import CodeSystem, own_code_systems
from fhir_msc.resources.consent import InformedConsent
from fhir_msc.resources.context import DesignLinks, Links, ResourceContext
from fhir_msc.resources.group import Eligibility
from fhir_msc.resources.identity import Identity
from fhir_msc.resources.location import SiteLocation
from fhir_msc.resources.organization import Sponsor
from fhir_msc.resources.plan_definition import ArmPlan, Schedule
from fhir_msc.resources.practitioner import Responsibility
from fhir_msc.resources.registry import BUILDERS, RANKS, builder_for
from fhir_msc.resources.research_study import SiteStudy
from fhir_msc.resources.research_subject import Enrolment
from fhir_msc.resources.template import Builder, Kind, Layout, Slot, Slots, Template, compile_template
from fhir_msc.resources.value_set import ValueSet, own_value_sets

__all__ = [
    "BUILDERS",
    "RANKS",
    "ArmPlan",
    "Body",
    "Builder",
    "CodeSystem",
    "DesignLinks",
    "Eligibility",
    "Enrolment",
    "Identity",
    "InformedConsent",
    "Kind",
    "Layout",
    "Links",
    "Number",
    "ResourceContext",
    "Responsibility",
    "Schedule",
    "SiteLocation",
    "SiteStudy",
    "Slot",
    "Slots",
    "Sponsor",
    "Template",
    "ValueSet",
    "builder_for",
    "compile_template",
    "own_code_systems",
    "own_value_sets",
    "references",
    "serialise",
]

"""What becomes of a resource whose row is gone from the source, once a person says so: R4 has no other way to say that
something should not have been there than the type's own status.

Sources: the required bindings of the status elements (https://hl7.org/fhir/R4/valueset-observation-status.html and its
like), con-4 and con-5 of Condition, Group.active, PlanDefinition.status.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fhir_msc.resources.body import Body

_ENTERED_IN_ERROR = "entered-in-error"

_STATUS: Mapping[str, tuple[str, object]] = MappingProxyType(
    {
        "Consent": ("status", _ENTERED_IN_ERROR),
        "Device": ("status", _ENTERED_IN_ERROR),
        "DiagnosticReport": ("status", _ENTERED_IN_ERROR),
        "Encounter": ("status", _ENTERED_IN_ERROR),
        "MedicationAdministration": ("status", _ENTERED_IN_ERROR),
        "MedicationStatement": ("status", _ENTERED_IN_ERROR),
        "Observation": ("status", _ENTERED_IN_ERROR),
        "Specimen": ("status", _ENTERED_IN_ERROR),
        "Group": ("active", False),
        "Organization": ("active", False),
        "Patient": ("active", False),
        "Practitioner": ("active", False),
        "PractitionerRole": ("active", False),
        "Location": ("status", "inactive"),
        "CodeSystem": ("status", "retired"),
        "PlanDefinition": ("status", "retired"),
        "ValueSet": ("status", "retired"),
    }
)
_VERIFICATION = {
    "coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": _ENTERED_IN_ERROR},
    ]
}
_FIRST = (
    *("resourceType", "id", "meta", "text", "contained", "extension", "modifierExtension", "identifier"),
    "accessionIdentifier",
)


def can_retire(type: str) -> bool:
    """Whether R4 has a status that says so of this type."""
    return type == "Condition" or type in _STATUS


def retired(body: Mapping[str, object]) -> Body | None:
    """The body that says that the resource no longer counts; ``None`` where R4 has no status that does, as for
    ResearchSubject and AdverseEvent. Everything else stays as it was sent."""
    type = str(body["resourceType"])
    if type == "Condition":
        # con-5 forbids a clinical status, and con-4 an end without one.
        dropped = ("clinicalStatus", "verificationStatus")
        rest = {key: kept for key, kept in body.items() if key not in dropped and not key.startswith("abatement")}
        return _placed(rest, "verificationStatus", _VERIFICATION)
    if type not in _STATUS:
        return None
    name, value = _STATUS[type]
    if name in body:
        return {key: value if key == name else kept for key, kept in body.items()}
    return _placed(body, name, value)


def _placed(body: Mapping[str, object], name: str, value: object) -> Body:
    """The body with an element where R4 has it: after the identifiers, before all else."""
    head = {key: kept for key, kept in body.items() if key in _FIRST}
    return {**head, name: value, **{key: kept for key, kept in body.items() if key not in _FIRST}}

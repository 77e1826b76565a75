"""FHIR R4 data types (http://hl7.org/fhir/R4/datatypes.html) from the values of trial records."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_msc.resources.body import Body, Number
from fhir_msc.resources.context import ResourceContext
from fhir_msc.trial import Concept, Unit

UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_RESEARCH_STUDY = "http://hl7.org/fhir/StructureDefinition/workflow-researchStudy"
_DATA_ABSENT_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def present(elements: Mapping[str, object]) -> Body:
    """The elements that are there: those that are not ``None``."""
    return {name: value for name, value in elements.items() if value is not None}


def codeable_concept(concept: Concept | None, context: ResourceContext) -> Body | None:
    """CodeableConcept; relative code systems become those of the project."""
    if concept is None:
        return None
    codings = [
        present(
            {
                "system": context.code_system(coding.system) if coding.system else None,
                "code": coding.code,
                "display": coding.display,
            }
        )
        for coding in concept.codings
    ]
    return present({"coding": codings or None, "text": concept.text})


def coded_words(words: str | None, code: Concept | None, context: ResourceContext) -> Body:
    """CodeableConcept of words that somebody wrote down, with the codings that are known for them."""
    codings = codeable_concept(Concept(code.codings), context) if code is not None and code.codings else {}
    return present({**(codings or {}), "text": words})


def hl7_concept(system: str, code: str) -> Body:
    """CodeableConcept of one code of HL7's terminology; ``system`` is the last part of its URI."""
    return {"coding": [{"system": TERMINOLOGY + system, "code": code}]}


def quantity(number: str, unit: Unit | None, comparator: str | None = None) -> Body:
    """Quantity. A code, and with it the system, stands only where the unit has a UCUM code."""
    ucum = unit.ucum if unit else None
    return present(
        {
            "value": Number(number),
            "comparator": comparator,
            "unit": unit.text if unit else None,
            "system": UCUM if ucum else None,
            "code": ucum,
        }
    )


def reference(type: str, rid: str | None) -> Body | None:
    """A relative literal reference."""
    return None if rid is None else {"reference": f"{type}/{rid}"}


def period(start: str | None, end: str | None) -> Body | None:
    """Period."""
    return present({"start": start, "end": end}) or None


def address(city: str | None, state: str | None, postal_code: str | None, country: str | None) -> Body | None:
    """Address, as far as it is known."""
    return present({"city": city, "state": state, "postalCode": postal_code, "country": country}) or None


def research_study(rid: str | None) -> list[Body] | None:
    """The extension that ties a resource to its study, for the types whose context it allows.

    Source: http://hl7.org/fhir/R4/extension-workflow-researchstudy.html; not Patient, Condition or Specimen.
    """
    return None if rid is None else [{"url": _RESEARCH_STUDY, "valueReference": reference("ResearchStudy", rid)}]


def unknown() -> Body:
    """What stands in a required element whose value the source does not have."""
    return {"extension": [{"url": _DATA_ABSENT_REASON, "valueCode": "unknown"}]}

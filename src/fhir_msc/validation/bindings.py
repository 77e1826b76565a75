"""Required bindings of a CodeableConcept (http://hl7.org/fhir/R4/terminologies.html#required)."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_msc.validation.problems import BINDING, Problem


def concept_problem(
    concept: Mapping[str, object], codes: Mapping[str, frozenset[str]], value_set: str
) -> Problem | None:
    """A problem unless at least one coding is of the value set; text alone does not do."""
    codings = concept.get("coding")
    for coding in codings if isinstance(codings, (list, tuple)) else ():
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str) and code in codes.get(system, ()):
                return None
    return Problem(
        BINDING,
        f"no coding is of the required value set {value_set}",
        path="coding",
        hint=f"its codes are of {', '.join(sorted(codes))}",
    )

"""Is this resource right: structure, bindings, invariants, trial rules.

The door is :func:`validate`. The checks are compiled from HL7's definitions of R4 4.0.1 (``definitions``) as far as a
document needs them.
"""

from __future__ import annotations

from collections.abc import Mapping

from fhir_msc.findings import Finding
from fhir_msc.validation.parsing import NotAResource, parse
from fhir_msc.validation.problems import Problem
from fhir_msc.validation.references import unresolved
from fhir_msc.validation.structure import resource_problems

__all__ = ["unresolved", "validate"]


def validate(resource: Mapping[str, object] | bytes | str) -> list[Finding]:
    """Checks one FHIR R4 resource, a Bundle with its entries included; an empty list says that nothing is wrong.

    Takes the JSON text, as bytes in UTF-8 or str, or the document as ``json.loads`` gives it, with numbers as int,
    float or Decimal. ``path`` of a finding is the place as ``Observation.component[0].valueQuantity.code``; ``value``
    is the text that is wrong, which messages never hold.
    """
    duplicates: list[Problem] = []
    if isinstance(resource, (bytes, str)):
        try:
            resource, duplicates = parse(resource)
        except NotAResource as refusal:
            return [_finding(refusal.problem, "")]
    name = resource.get("resourceType")
    root = name if isinstance(name, str) else ""
    document = resource if isinstance(resource, dict) else dict(resource)
    return [_finding(problem, root) for problem in (*duplicates, *resource_problems(document))]


def _finding(problem: Problem, root: str) -> Finding:
    path = f"{root}.{problem.path}" if root and problem.path else root or problem.path
    return Finding(
        rule=problem.rule,
        severity=problem.severity,
        message=problem.message,
        path=path or None,
        hint=problem.hint,
        value=problem.value,
    )

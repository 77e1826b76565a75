"""Trial rules: what is right FHIR and still cannot be right of a trial.

On FHIR files they are asked for (``--trial``); on a project's export they hold for every body that would leave, so that
in a blind project they see what is left behind the seals and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fhir_msc.validation.objects import Node
from fhir_msc.validation.problems import Problem, under
from fhir_msc.validation.trial.plausibility import implausible


@dataclass(frozen=True, slots=True)
class TrialRules:
    """That the trial rules are asked for, and what they must know of the trial."""


def trial_problems(document: Node, rules: TrialRules) -> list[Problem]:
    """What the trial rules find in a resource alone, and in each of a Bundle's entries."""
    found: list[Problem] = []
    for path, resource in resources_in(document):
        here = implausible(resource)
        found += under(path, here) if path else here
    return found


def resources_in(document: Node) -> Iterator[tuple[str, Node]]:
    """The resource, and those of its entries if it is a Bundle, each with its path in the document."""
    yield "", document
    entries = document.get("entry") if document.get("resourceType") == "Bundle" else None
    if isinstance(entries, list):
        for index, entry in enumerate(entries):
            resource = entry.get("resource") if isinstance(entry, Mapping) else None
            if isinstance(resource, Mapping):
                for path, inner in resources_in(resource):
                    yield ".".join(filter(None, (f"entry[{index}].resource", path))), inner

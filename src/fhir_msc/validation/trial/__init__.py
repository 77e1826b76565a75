"""Trial rules: what is right FHIR and still cannot be right of a trial.

On FHIR files they are asked for (``--trial``); on a project's export they hold for every body that would leave, so that
in a blind project they see what is left behind the seals and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fhir_msc.findings import Severity
from fhir_msc.validation.objects import Node
from fhir_msc.validation.problems import Problem, under
from fhir_msc.validation.trial.arms import named_arms, sealed_elements
from fhir_msc.validation.trial.facts import Fact, day_of, facts_of, identity_of, known_as
from fhir_msc.validation.trial.plausibility import implausible
from fhir_msc.validation.trial.totals import Total, mistotalled

AFTER_CUT = "MSC-TIME-003"


@dataclass(frozen=True, slots=True)
class TrialRules:
    """That the trial rules are asked for, and what they must know of the trial.

    ``blind``: the resources are for the blind. ``arms`` are the names by which texts may tell an arm. ``data_cut`` is
    the day (or instant) after which nothing was collected. ``totals`` are the totals of instruments with their items.
    """

    blind: bool = False
    arms: tuple[str, ...] = ()
    data_cut: str | None = None
    totals: tuple[Total, ...] = ()


def trial_problems(document: Node, rules: TrialRules) -> list[Problem]:
    """What the trial rules find in a resource alone, and in each of a Bundle's entries."""
    found: list[Problem] = []
    for path, resource, _ in resources_in(document):
        here = [*implausible(resource), *mistotalled(resource, rules.totals), *_after(resource, rules.data_cut)]
        if rules.blind:
            here += [*sealed_elements(resource), *named_arms(resource, rules.arms)]
        found += under(path, here) if path else here
    return found


def facts_in(document: Node, rules: TrialRules) -> list[Fact]:
    """What the rules about a set must know of a document; paths begin with its type. A history may hold a resource
    several times."""
    root = str(document.get("resourceType"))
    is_history = root == "Bundle" and document.get("type") == "history"
    urls = _entries_by_url(document) if root == "Bundle" else {}
    found: list[Fact] = []
    for path, resource, url in resources_in(document):
        at = f"{root}.{path}" if path else root
        own = known_as(resource, url)
        found += facts_of(resource, at, own, urls, rules.totals)
        if not is_history:
            found += identity_of(resource, at)
    return found


def _after(resource: Node, cut: str | None) -> list[Problem]:
    """A day after the data were cut."""
    day = day_of(resource) if cut is not None else None
    if cut is None or day is None or day[1][: len(cut)] <= cut[: len(day[1])]:
        return []
    message, hint = "after the day on which the data were cut", "correct the date"
    return [Problem(AFTER_CUT, message, day[0], hint=hint, severity=Severity.WARNING)]


def _entries_by_url(bundle: Node) -> dict[str, str]:
    """Type and id of the entries by their ``fullUrl``; that itself where a resource has no id yet."""
    found: dict[str, str] = {}
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        url = entry.get("fullUrl") if isinstance(entry, Mapping) else None
        if isinstance(resource, Mapping) and isinstance(url, str):
            found[url] = known_as(resource, url)
    return found


def resources_in(document: Node, url: str = "") -> Iterator[tuple[str, Node, str]]:
    """The resource, and those of its entries if it is a Bundle, each with its path in the document and its fullUrl."""
    yield "", document, url
    entries = document.get("entry") if document.get("resourceType") == "Bundle" else None
    if isinstance(entries, list):
        for index, entry in enumerate(entries):
            resource = entry.get("resource") if isinstance(entry, Mapping) else None
            if isinstance(resource, Mapping):
                for path, inner, at in resources_in(resource, str(entry.get("fullUrl", ""))):
                    yield ".".join(filter(None, (f"entry[{index}].resource", path))), inner, at

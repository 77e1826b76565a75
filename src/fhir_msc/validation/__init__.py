"""Is this resource right: structure, bindings, invariants, trial rules.

The door is :func:`validate`. The checks are compiled from HL7's definitions of R4 4.0.1 (``definitions``) as far as a
document needs them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from fhir_msc.findings import Finding, Place
from fhir_msc.nesting import is_deep
from fhir_msc.validation.memory import Memory
from fhir_msc.validation.parsing import TOO_DEEP, NotAResource, is_cut, parse, quickly
from fhir_msc.validation.problems import JSON_DUPLICATE, Problem, Within
from fhir_msc.validation.profiles.notes import once
from fhir_msc.validation.references import unresolved
from fhir_msc.validation.structure import resource_problems

if TYPE_CHECKING:
    from fhir_msc.validation.profiles.known import Profiles
    from fhir_msc.validation.refusals import Refused
    from fhir_msc.validation.trial import TrialRules
    from fhir_msc.validation.trial.facts import Fact

__all__ = [
    "document_findings",
    "forget",
    "placed",
    "refused_findings",
    "text_findings",
    "trial_findings",
    "unresolved",
    "validate",
]


def validate(resource: Mapping[str, object] | bytes | str, profiles: Profiles | None = None) -> list[Finding]:
    """Checks one FHIR R4 resource, a Bundle with its entries included; an empty list says that nothing is wrong.

    Takes the JSON text, as bytes in UTF-8 or str, or the document as ``json.loads`` gives it, with numbers as int,
    float or Decimal. ``path`` of a finding is the place as ``Observation.component[0].valueQuantity.code``, ``place``
    line and column in the text; ``value`` is the text that is wrong, which messages never hold. Profiles that it
    claims by ``meta.profile`` count where they are known: those of R4, and those of ``profiles``.
    """
    if isinstance(resource, (bytes, str)):
        found = text_findings(resource, profiles)
        return placed(resource, found) if found else []
    if is_deep(resource):
        return [_finding(TOO_DEEP, "")]
    return document_findings(resource if isinstance(resource, dict) else dict(resource), profiles)


def document_findings(document: dict[str, object], profiles: Profiles | None = None) -> list[Finding]:
    """What is wrong with a resource that surely has an end: JSON, or what was built here."""
    return _findings(resource_problems(document, Within(profiles=profiles)), _root(document))


def text_findings(text: bytes | str, profiles: Profiles | None = None) -> list[Finding]:
    """What is wrong with the resource that a text holds; of the places only those that reading the text tells.

    For who checks much and shows little of it: :func:`placed` gives the other places.
    """
    document = quickly(text)
    if document is not None:
        problems = resource_problems(document, _remembering(profiles))
        if not problems or not is_cut(text, document):
            return _findings(problems, _root(document))
    try:
        document, twice = parse(text)
    except NotAResource as refusal:
        return [_finding(refusal.problem, "", refusal.place)]
    root = _root(document)
    found = _duplicates(text, root) if twice else []
    return found + document_findings(document, profiles)


def refused_findings(
    text: bytes | str, refused: Collection[Refused], profiles: Profiles | None = None
) -> list[Finding]:
    """What of what is refused stands in the resource that a text holds, though R4 allows it; nothing of what is no JSON
    object."""
    from fhir_msc.validation.refusals import refused_problems

    try:
        document, _ = parse(text)
    except NotAResource:
        return []
    root = _root(document)
    return [_finding(problem, root) for problem in refused_problems(document, refused, profiles)]


def trial_findings(text: bytes | str, rules: TrialRules) -> tuple[list[Finding], list[Fact]]:
    """What the trial rules find in the resource that a text holds, and the facts by which the rules about a set judge
    it; nothing of what is no JSON object."""
    from fhir_msc.validation.trial import facts_in, trial_problems

    document = quickly(text)
    if document is None:
        try:
            document, _ = parse(text)
        except NotAResource:
            return [], []
    root = _root(document)
    return [_finding(problem, root) for problem in trial_problems(document, rules)], facts_in(document, rules)


def placed(text: bytes | str, findings: Sequence[Finding]) -> list[Finding]:
    """The findings of :func:`text_findings`, each with its place in that text."""
    paths = {one.path for one in findings if one.place is None and one.path is not None}
    if not paths:
        return list(findings)
    from dataclasses import replace

    from fhir_msc.validation.positions import places

    document = quickly(text) or parse(text)[0]
    known = places(_plain(text), paths, _root(document))
    return [replace(one, place=known.get(one.path)) if one.place is None and one.path else one for one in findings]


@lru_cache(4)
def _remembering(profiles: Profiles | None) -> Within:
    return Within(profiles=profiles, memory=Memory())


def forget() -> None:
    """Lets go of what is remembered of values that were checked: the next documents are looked at as the first."""
    _remembering.cache_clear()


def _duplicates(text: bytes | str, root: str) -> list[Finding]:
    from fhir_msc.validation.positions import duplicates

    return [
        _finding(Problem(JSON_DUPLICATE, "a key stands twice in one object", path=path, hint=_name(key)), "", place)
        for path, key, place in duplicates(_plain(text), root)
    ]


def _plain(text: bytes | str) -> str:
    return text if isinstance(text, str) else text.decode("utf-8")


def _root(document: Mapping[str, object]) -> str:
    name = document.get("resourceType")
    return name if isinstance(name, str) and name.isascii() and name.isalnum() and len(name) <= 64 else ""


def _name(key: str) -> str | None:
    """The key, where it can only be an element's name."""
    return f"the key is {key}" if key.isascii() and key.isidentifier() and len(key) <= 64 else None


def _findings(problems: list[Problem], root: str) -> list[Finding]:
    return once([_finding(problem, root) for problem in problems]) if problems else []


def _finding(problem: Problem, root: str, place: Place | None = None) -> Finding:
    path = f"{root}.{problem.path}" if root and problem.path else root or problem.path
    return Finding(
        rule=problem.rule,
        severity=problem.severity,
        message=problem.message,
        path=path or None,
        hint=problem.hint,
        value=problem.value,
        place=place,
    )

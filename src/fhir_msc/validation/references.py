"""References: their form, the types they may point to, and whether they resolve.

R4: http://hl7.org/fhir/R4/references.html#literal. A reference is ``Type/id``, an absolute URL, ``urn:uuid:…``,
``urn:oid:…``, ``#id`` of a contained resource or, in a batch or transaction, a search ``Type?…``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from fhir_msc.validation.definitions import resource_types
from fhir_msc.validation.primitives import is_absolute_uri
from fhir_msc.validation.problems import (
    INVARIANT,
    REFERENCE_FORMAT,
    REFERENCE_TARGET,
    REFERENCE_UNRESOLVED,
    Problem,
    Within,
    shown,
)

_DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"
_REST = re.compile(
    r"(https?://\S+/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?(?:#\S*)?"
).fullmatch
_SEARCH = re.compile(r"([A-Z][A-Za-z]+)\?\S+").fullmatch


def reference_problem(
    reference: object, declared: object, targets: frozenset[str] | None, within: Within
) -> Problem | None:
    """What is wrong with a reference, at most one thing.

    ``reference`` and ``declared`` are ``Reference.reference`` and ``.type``, ``None`` where they lack;
    ``targets`` are the types allowed here, ``None`` for any.
    """
    if not isinstance(reference, str):  # only a type, an identifier or an extension
        return _declared_problem(declared, targets)
    if reference.startswith("#"):
        return _local_problem(reference, targets, within)
    target = None
    rest = _REST(reference)
    if rest is not None and rest[2] in resource_types():
        target = rest[2]
    elif reference.startswith("urn:") and is_absolute_uri(reference):
        if within.urls is not None and reference not in within.urls:
            return Problem(REFERENCE_UNRESOLVED, "no entry of the bundle has this fullUrl", value=shown(reference))
    elif within.urls is not None and (search := _SEARCH(reference)) is not None and search[1] in resource_types():
        target = search[1]
    elif not is_absolute_uri(reference):
        return _wrong_form(reference)
    if target is not None:
        if targets is not None and target not in targets:
            return _wrong_target(target, targets)
        if isinstance(declared, str) and declared.removeprefix(_DEFINITIONS) != target:
            return Problem(
                REFERENCE_TARGET, f"the reference points to {target}; its type says otherwise", value=declared
            )
        return None
    return _declared_problem(declared, targets)


def _declared_problem(declared: object, targets: frozenset[str] | None) -> Problem | None:
    if not isinstance(declared, str):
        return None
    name = declared.removeprefix(_DEFINITIONS)
    if name not in resource_types():
        # A logical model has a URL of its own; what is relative is a type of R4.
        wrong = name != declared or not is_absolute_uri(declared)
        return Problem(REFERENCE_TARGET, "the type is not a resource type of R4", value=declared) if wrong else None
    return _wrong_target(name, targets) if targets is not None and name not in targets else None


def unresolved(references: Iterable[tuple[str, Iterable[str]]], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """The references of a set that lead nowhere.

    ``references`` gives each resource's id with the ids that it refers to, ``known`` the ids there are; yields the
    resource's id with the id that is missing, in the order given.
    """
    for owner, targets in references:
        for target in targets:
            if target not in known:
                yield owner, target


def _local_problem(reference: str, targets: frozenset[str] | None, within: Within) -> Problem | None:
    name = reference[1:]
    if name == "" and within.inside:
        return None  # the resource around
    if name not in within.contained:
        return Problem(
            f"{INVARIANT}-REF-1",
            "SHALL have a contained resource if a local reference is provided",
            value=shown(reference),
        )
    target = within.contained[name]
    if targets is not None and target in resource_types() and target not in targets:
        return _wrong_target(target, targets)
    return None


def _wrong_form(reference: str) -> Problem:
    return Problem(
        REFERENCE_FORMAT,
        "a reference is Type/id with a type of R4, an absolute URL, urn:uuid:…, urn:oid:… or #id",
        value=shown(reference),
    )


def _wrong_target(target: str, targets: frozenset[str]) -> Problem:
    return Problem(REFERENCE_TARGET, f"may not point to {target} here", hint=f"allowed: {', '.join(sorted(targets))}")

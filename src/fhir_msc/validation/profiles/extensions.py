"""Extensions whose definition is known: what they hold, and where they may stand.

http://hl7.org/fhir/R4/extensibility.html#extension, http://hl7.org/fhir/R4/defining-extensions.html#context. Known are
those of R4 and of the packages that were given; of others nothing is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from fhir_msc.validation.definitions import Element, type_named, type_names
from fhir_msc.validation.primitives import is_absolute_uri
from fhir_msc.validation.problems import (
    EXTENSION_CONTEXT,
    EXTENSION_DEFINITION,
    NOTED_EXTENSION,
    Problem,
    Within,
    below,
)
from fhir_msc.validation.profiles.checks import Check, profile_problems
from fhir_msc.validation.profiles.definition import Definition
from fhir_msc.validation.profiles.document import Document
from fhir_msc.validation.profiles.known import NotKnown, Profiles, core_profiles
from fhir_msc.validation.profiles.notes import unchecked
from fhir_msc.validation.profiles.slicing import url_of
from fhir_msc.validation.profiles.tree import Node

_EVERYWHERE = frozenset({"Element", "*"})
_index = re.compile(r"\[\d+\]").sub


class _Known(NamedTuple):
    """What is asked of extensions of one URL.

    ``values`` are the names in JSON that a value may have, where no more is said of it, each with how a reference
    begins that surely leads to what it may; ``noted`` says that it may not stand everywhere.
    """

    definition: Definition
    root: Node
    values: Mapping[str, tuple[str, ...]]
    noted: bool


def extension_problems(extension: Mapping[str, object], within: Within) -> list[Problem]:
    """What is wrong with an extension by its definition, and a note of it where it may not stand everywhere."""
    profiles = within.profiles or core_profiles()
    try:
        known = _known(profiles, str(extension.get("url")))
    except NotKnown as error:
        return [unchecked(f"{error.url} is not known, on which an extension rests")]
    if known is None:
        return []
    problems: list[Problem] = []
    if not _is_plain(extension, known, within):
        check = Check(profiles, known.definition, known.root, within, within.document or Document())
        problems = [*profile_problems(check, extension, "Extension"), *_unknown_parts(check, known.root, extension)]
    if known.noted:
        problems.append(Problem(NOTED_EXTENSION, "an extension that has its places", value=known.definition.url))
    return problems


@lru_cache(1024)
def _known(profiles: Profiles, url: str) -> _Known | None:
    definition = profiles.definition(url)
    if definition is None or definition.type != "Extension":
        return None
    root = profiles.tree(definition)
    noted = bool(definition.contexts) and not any(one in _EVERYWHERE for _, one in definition.contexts)
    return _Known(definition, root, dict(_plain_values(profiles, root)), noted)


def _plain_values(profiles: Profiles, root: Node) -> Iterator[tuple[str, tuple[str, ...]]]:
    value = root.children.get("value[x]")
    said = root.constraints or root.children.keys() - {"url", "value[x]", "extension"}
    if value is None or said or value.exactly or value.binding or value.constraints or value.children or value.slices:
        return
    for one in value.types or ():
        if not one.profiles:
            targets = [profiles.type_of(url) for url in one.targets]
            plain = not any(profiles.definition(url) for url in one.targets) and None not in targets
            if plain and "Resource" not in targets:
                yield f"value{one.code[0].upper()}{one.code[1:]}", tuple(f"{target}/" for target in targets)


def _is_plain(extension: Mapping[str, object], known: _Known, within: Within) -> bool:
    """Whether it is right at first sight: its URL, and one value that may be there."""
    if len(extension) != 2:
        return False
    for name, value in extension.items():
        begins = known.values.get(name)
        if begins is not None:
            reference = value.get("reference") if begins and isinstance(value, dict) else None
            return not begins or (
                within.document is None and isinstance(reference, str) and reference.startswith(begins)
            )
    return False


def _unknown_parts(check: Check, root: Node, extension: Mapping[str, object]) -> Iterator[Problem]:
    """Parts of a complex extension that its definition does not name; one with a URL is an extension of its own."""
    inner = root.children.get("extension")
    named = {url_of(one) for one in inner.slices.values()} if inner is not None else set()
    parts = extension.get("extension")
    for index, part in enumerate(parts if isinstance(parts, (list, tuple)) else ()):
        url = part.get("url") if isinstance(part, dict) else None
        if isinstance(url, str) and url not in named and not is_absolute_uri(url):
            yield Problem(
                EXTENSION_DEFINITION,
                f"extension {check.definition.name}: its definition has no such part",
                f"extension[{index}].url",
                url,
            )


def misplaced(noted: Problem, resource: str, element: str, within: Within) -> Problem | None:
    """The problem, if the extension that was noted may not stand where it stands in a resource of this type; its path
    starts below this element of the resource."""
    profiles = within.profiles or core_profiles()
    if _may_stand(profiles, str(noted.value), resource, below(element, noted.path) if element else noted.path):
        return None
    definition = profiles.definition(str(noted.value))
    assert definition is not None  # or it might stand anywhere
    allowed = ", ".join(sorted(expression for _, expression in definition.contexts))
    return Problem(
        EXTENSION_CONTEXT,
        f"the extension {definition.name} may not stand here",
        noted.path,
        hint=f"allowed in {allowed}" if len(allowed) < 300 else None,
    )


@lru_cache(4096)
def _may_stand(profiles: Profiles, url: str, resource: str, path: str) -> bool:
    definition = profiles.definition(url)
    if definition is None:
        return True
    places = _places(resource, _index("", path.rpartition(".")[0]))
    return any(kind != "element" or expression in places for kind, expression in definition.contexts)


@lru_cache(4096)
def _places(resource: str, owner: str) -> frozenset[str]:
    """What a place may be called in a context: by the path from the resource, and from each type on the way to it."""
    found: set[str] = set()
    starts: list[list[str]] = [[resource]]
    kind: str | None = resource
    for part in owner.split(".") if owner else ():
        name, element = _step(kind, part.removeprefix("_"))
        for start in starts:
            start.append(name)
        kind = None if element is None else element.json_names.get(part.removeprefix("_"))
        if kind is not None:
            starts.append([kind])
    for start in starts:
        found.add(".".join(start))
    if kind is not None and kind in type_names():
        found.update(type_named(kind).lineage)
    return frozenset(found)


def _step(kind: str | None, part: str) -> tuple[str, Element | None]:
    """The element's name as in a definition, with what it is."""
    if kind is not None and kind in type_names():
        for element in type_named(kind).elements:
            if part in element.json_names:
                return element.name, element
    return part, None

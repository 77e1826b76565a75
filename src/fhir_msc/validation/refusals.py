"""What R4 allows and a receiver may refuse all the same: markup in text, addresses of examples, references that lead
nowhere, extensions that nobody knows.

HL7's validator has the same as options. Each is asked for by name; none is on by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import StrEnum
from functools import cache, partial
from typing import NamedTuple
from urllib.parse import urlsplit

from fhir_msc.validation.definitions import resource_types, type_named, type_names
from fhir_msc.validation.primitives import CHECKS
from fhir_msc.validation.problems import REFERENCE_UNRESOLVED, Problem
from fhir_msc.validation.profiles.known import Profiles, core_profiles

MARKUP = "MSC-REFUSED-MARKUP"
EXAMPLE_URL = "MSC-REFUSED-EXAMPLE-URL"
UNKNOWN_EXTENSION = "MSC-REFUSED-EXTENSION"


class Refused(StrEnum):
    """What is refused.

    ``html-in-markdown``: a tag of HTML in a markdown element (http://hl7.org/fhir/R4/datatypes.html#markdown).
    ``html-in-text``: the same in a string, where whoever shows it may run it
    (http://hl7.org/fhir/R4/security.html#narrative). ``example-urls``: a URI in a domain that is kept for examples
    (RFC 2606). ``unresolved-references``: a relative reference to what is not in the document.
    ``unknown-extensions``: an extension that neither R4 nor a given package defines.
    """

    HTML_IN_MARKDOWN = "html-in-markdown"
    HTML_IN_TEXT = "html-in-text"
    EXAMPLE_URLS = "example-urls"
    UNRESOLVED_REFERENCES = "unresolved-references"
    UNKNOWN_EXTENSIONS = "unknown-extensions"


class _Node(NamedTuple):
    """A value somewhere in the document: its path, and the name of its type."""

    path: str
    kind: str
    value: object


Check = Callable[[_Node], "Problem | None"]

_has_tag = re.compile(r"</?[A-Za-z][A-Za-z0-9-]*(?:[\s/][^<>]*)?>").search
_URIS = frozenset({"uri", "url", "canonical"})
_example = re.compile(r"(?:.*\.)?(?:example\.(?:com|net|org)|example)", re.I).fullmatch
_of_another_version = re.compile(
    r"http://hl7\.org/fhir/[1-9]\.\d/StructureDefinition/extension-[A-Z][A-Za-z]+\.[A-Za-z.\[\]]+"
).fullmatch
"""An element of another version of FHIR as an extension (http://hl7.org/fhir/R4/versions.html#extensions)."""

_relative = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?(?:#.*)?").fullmatch


def refused_problems(
    document: Mapping[str, object], refused: Collection[Refused], profiles: Profiles | None = None
) -> list[Problem]:
    """What a document holds of what is refused; paths start below it."""
    checks = [_check(one, document, profiles) for one in sorted(set(refused))]
    return [found for node in _nodes(document) for check in checks if (found := check(node)) is not None]


def _check(refused: Refused, document: Mapping[str, object], profiles: Profiles | None) -> Check:
    match refused:
        case Refused.HTML_IN_MARKDOWN:
            return partial(_markup, "markdown")
        case Refused.HTML_IN_TEXT:
            return partial(_markup, "string")
        case Refused.EXAMPLE_URLS:
            return _example_url
        case Refused.UNRESOLVED_REFERENCES:
            return partial(_unresolved, frozenset(_targets(document)))
        case Refused.UNKNOWN_EXTENSIONS:
            return partial(_unknown_extension, profiles or core_profiles())


def _markup(kind: str, node: _Node) -> Problem | None:
    if node.kind != kind or not isinstance(node.value, str) or _has_tag(node.value) is None:
        return None
    return Problem(MARKUP, f"a tag of HTML in a {kind}", node.path, node.value, "write it as text, or escape it")


def _example_url(node: _Node) -> Problem | None:
    if node.kind not in _URIS or not isinstance(node.value, str):
        return None
    try:
        host = urlsplit(node.value).hostname or ""
    except ValueError:
        return None  # what is no URI is told as such
    if _example(host) is None:
        return None
    return Problem(EXAMPLE_URL, "an address in a domain of examples", node.path, node.value, "give the real one")


def _unresolved(known: frozenset[str], node: _Node) -> Problem | None:
    reference = node.value.get("reference") if node.kind == "Reference" and isinstance(node.value, dict) else None
    found = _relative(reference) if isinstance(reference, str) else None
    if found is None or found[1] in known:
        return None
    return Problem(REFERENCE_UNRESOLVED, "leads to nothing in the document", f"{node.path}.reference", found[0])


def _targets(document: Mapping[str, object]) -> Iterator[str]:
    for node in _nodes(document):
        is_contained = node.path.startswith("contained[") or ".contained[" in node.path
        if isinstance(node.value, dict) and node.kind in resource_types() and not is_contained:
            yield f"{node.kind}/{node.value.get('id')}"


def _unknown_extension(profiles: Profiles, node: _Node) -> Problem | None:
    url = node.value.get("url") if node.kind == "Extension" and isinstance(node.value, dict) else None
    if not isinstance(url, str) or ":" not in url:  # a part of another has a name
        return None
    definition = profiles.definition(url)
    if _of_another_version(url) or (definition is not None and definition.type == "Extension"):
        return None
    message = "an extension that neither R4 nor a given package defines"
    return Problem(UNKNOWN_EXTENSION, message, f"{node.path}.url", url, "give its package with --package")


@cache
def _kinds(name: str) -> Mapping[str, str]:
    """The types of a type's elements by their names in JSON, and of what stands beside a primitive."""
    kinds = {json: kind for element in type_named(name).elements for json, kind in element.json_names.items()}
    return {**kinds, **{f"_{json}": "Element" for json, kind in kinds.items() if kind in CHECKS}}


def _nodes(document: Mapping[str, object]) -> Iterator[_Node]:
    """All values of a document whose type is known, in the order in which they stand."""
    waiting = [_Node("", "Resource", document)]
    while waiting:
        path, kind, value = waiting.pop()
        if isinstance(value, (list, tuple)):
            waiting += [_Node(f"{path}[{index}]", kind, item) for index, item in reversed(list(enumerate(value)))]
            continue
        if isinstance(value, dict) and kind == "Resource":
            kind = str(value.get("resourceType"))
            if kind not in resource_types():
                continue
        yield _Node(path, kind, value)
        if isinstance(value, dict) and kind in type_names():
            kinds = _kinds(kind)
            waiting += [
                _Node(f"{path}.{name}" if path else name, kinds[name], item)
                for name, item in reversed(list(value.items()))
                if name in kinds
            ]

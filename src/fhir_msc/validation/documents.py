"""What belongs together in a document or message: http://hl7.org/fhir/R4/documents.html, messaging.html.

The bundle holds what its Composition or MessageHeader refers to; in a document every entry is reached from the
Composition, by references in either direction. An entry that is there under another base counts as there: what is wrong
with the reference is said where references are resolved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from fhir_msc.validation.objects import Node, nodes
from fhir_msc.validation.problems import DOCUMENT, Problem

_PATHS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "Composition": (
            *(("subject",), ("encounter",), ("author",), ("custodian",)),
            *(("attester", "party"), ("event", "detail")),
        ),
        "MessageHeader": (("focus",),),
    }
)
_IN_SECTION = ("author", "focus", "entry")
_name = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?$").search


def document_problems(bundle: Node) -> list[Problem]:
    """What lacks in a document or message, and what does not belong to a document; paths start below the Bundle."""
    entries = [*nodes(bundle, "entry")]
    if bundle.get("type") not in ("document", "message") or not entries:
        return []
    known = {name for entry in entries for name in _names(entry)}
    problems = [
        Problem(DOCUMENT, "no entry is what its first resource refers to", path="entry[0].resource")
        for resource in nodes(entries[0], "resource")
        if not all(target in known for target in _targets(_directly(resource)))
    ]
    if bundle.get("type") == "document":
        message = "no reference leads from the Composition to this entry, or back"
        problems += [Problem(DOCUMENT, message, path=f"entry[{index}]") for index in _apart(entries)]
    return problems


def _apart(entries: list[Node]) -> list[int]:
    """The entries that no chain of references connects with the first."""
    links = [{*_names(entry), *_targets(_references(entry.get("resource")))} for entry in entries]
    sharing: dict[str, list[int]] = {}
    for index, names in enumerate(links):
        for name in names:
            sharing.setdefault(name, []).append(index)
    reached, waiting = {0}, [0]
    while waiting:
        near = {index for name in links[waiting.pop()] for index in sharing.pop(name, ())} - reached
        reached |= near
        waiting += near
    return [index for index in range(len(entries)) if index not in reached]


def _names(entry: Node) -> Iterator[str]:
    """What an entry may be called in a reference: its fullUrl, its type and id."""
    url = entry.get("fullUrl")
    if isinstance(url, str):
        yield url
    for resource in nodes(entry, "resource"):
        if isinstance(resource.get("id"), str):
            yield f"{resource.get('resourceType')}/{resource['id']}"


def _targets(references: Iterable[str]) -> Iterator[str]:
    """References by the name that an entry may have; those within the resource are left out."""
    for reference in references:
        if not reference.startswith("#"):
            relative = _name(reference) if ":" not in reference else None
            yield reference.partition("/_history/")[0] if relative is None else relative[1]


def _directly(resource: Node) -> Iterator[str]:
    """What a Composition or MessageHeader refers to and has to be with it."""
    found = [part for path in _PATHS.get(str(resource.get("resourceType")), ()) for part in nodes(resource, *path)]
    sections = [*nodes(resource, "section")]
    while sections:
        section = sections.pop()
        found += [part for name in _IN_SECTION for part in nodes(section, name)]
        sections += nodes(section, "section")
    yield from (text for part in found if isinstance(text := part.get("reference"), str))


def _references(node: object) -> Iterator[str]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            if isinstance(text := one.get("reference"), str):
                yield text
            waiting += one.values()
        elif isinstance(one, (list, tuple)):
            waiting += one

"""What is asked before a dear invariant: conditions on the JSON as it stands, of which each is enough for it to hold.

The expressions of these invariants gather all that stands below a resource, or compare everything with everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from fhir_msc.validation.objects import Node, Predicate, has, nodes

LINKS = frozenset({"reference", "answerValueSet", "definitionCanonical", "library", "questionnaire", "valueSet"})
"""Elements that lead to contained resources mostly: what has one of these names in R4 is such a link wherever it is."""


def _refers_to_all_contained(resource: Node) -> bool:
    """Whether each contained resource is named by a link of the resource or of a contained one."""
    wanted = {f"#{contained.get('id')}" for contained in nodes(resource, "contained")}
    for one in _objects(resource):
        for name in one.keys() & LINKS:
            value = one[name]
            wanted -= {link for link in (value if isinstance(value, list) else (value,)) if isinstance(link, str)}
        if not wanted:
            return True
    return not wanted


def _has_distinct_links(questionnaire: Node) -> bool:
    """Whether no linkId stands twice anywhere."""
    links = [str(one["linkId"]) for one in _objects(questionnaire) if "linkId" in one]
    return len(links) == len(set(links))


def _has_distinct_entries(bundle: Node) -> bool:
    """Whether no two entries have the same fullUrl with the same version."""
    urls = []
    for entry in nodes(bundle, "entry"):
        if has(entry, "fullUrl"):
            versions = [str(meta.get("versionId", "")) for meta in nodes(entry, "resource", "meta")]
            urls.append(f"{entry.get('fullUrl', '')}{''.join(versions)}")
    return len(urls) == len(set(urls))


def _objects(resource: Node) -> Iterator[dict[str, object]]:
    """The object and all below it."""
    waiting: list[object] = [resource]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += [value for value in one.values() if isinstance(value, (dict, list))]
        elif isinstance(one, list):
            waiting += one


SURELY: Mapping[str, Predicate] = MappingProxyType(
    {"bdl-7": _has_distinct_entries, "dom-3": _refers_to_all_contained, "que-2": _has_distinct_links}
)
"""By key of the invariant: an object of which it is true keeps it."""

"""What R4 says of a Bundle in prose (http://hl7.org/fhir/R4/bundle.html), beside its invariants.

Each entry has a ``fullUrl``, but in a batch or transaction; it is absolute, and one of a REST server ends in the type
and the id of the resource. A relative reference means the resource under the same base as the ``fullUrl`` of the entry
around: an entry of a document or message that has its type and id under another URL is not what it points to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fhir_msc.validation.definitions import resource_types
from fhir_msc.validation.documents import document_problems
from fhir_msc.validation.objects import Node, has, nodes
from fhir_msc.validation.primitives import is_absolute_uri
from fhir_msc.validation.problems import FULL_URL, LINK, OUTCOME, REFERENCE_UNRESOLVED, Problem, shown

_rest_url = re.compile(r"(https?://.+/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})").fullmatch
_relative = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?").fullmatch
_ONCE = frozenset({"self", "first", "previous", "next", "last"})


def bundle_problems(bundle: Node) -> list[Problem]:
    """What is wrong with a Bundle's links and with the URLs of its entries; paths start below it."""
    problems = list(_repeated_links(bundle))
    written = str(bundle.get("type")).startswith(("batch", "transaction"))
    entries = list(_entries(bundle))
    for index, entry in entries:
        problems += _entry_problems(entry, f"entry[{index}]", written=written)
    if bundle.get("type") in ("document", "message"):
        problems += _misdirected(entries)
        problems += document_problems(bundle)
    return problems


def _entries(bundle: Node) -> Iterator[tuple[int, Node]]:
    entries = bundle.get("entry")
    for index, entry in enumerate(entries if isinstance(entries, (list, tuple)) else ()):
        if isinstance(entry, dict):
            yield index, entry


def _repeated_links(bundle: Node) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, link in enumerate(nodes(bundle, "link")):
        relation = link.get("relation")
        if isinstance(relation, str) and relation in _ONCE:
            if relation in seen:
                yield Problem(LINK, f"a bundle has one link with the relation {relation}", path=f"link[{index}]")
            seen.add(relation)


def _entry_problems(entry: Node, path: str, *, written: bool) -> Iterator[Problem]:
    if not written and "resource" in entry and not has(entry, "fullUrl"):
        yield Problem(FULL_URL, "an entry has a fullUrl, but in a batch or transaction", path=path)
    url = entry.get("fullUrl")
    if isinstance(url, str) and not _names_its_resource(url, entry):
        message = "fullUrl is absolute, and ends in the resource's type and id if it is REST"
        yield Problem(FULL_URL, message, path=f"{path}.fullUrl", value=shown(url))
    if any(search.get("mode") == "outcome" for search in nodes(entry, "search")):
        kinds = [resource.get("resourceType") for resource in nodes(entry, "resource")]
        if kinds != ["OperationOutcome"]:
            message = "an entry of search mode outcome is an OperationOutcome"
            yield Problem(OUTCOME, message, path=f"{path}.resource")


def _names_its_resource(url: str, entry: Node) -> bool:
    rest = _rest_url(url)
    if rest is not None and rest[2] in resource_types():
        return all((r.get("resourceType"), r.get("id")) == (rest[2], rest[3]) for r in nodes(entry, "resource"))
    return is_absolute_uri(url)


def _misdirected(entries: list[tuple[int, Node]]) -> Iterator[Problem]:
    """Relative references to a type and id that an entry has, but under another base."""
    urls = {str(entry.get("fullUrl")) for _, entry in entries}
    held = {
        f"{resource.get('resourceType')}/{resource.get('id')}"
        for _, entry in entries
        for resource in nodes(entry, "resource")
    }
    for index, entry in entries:
        url = entry.get("fullUrl")
        if not isinstance(url, str):
            continue
        rest = _rest_url(url)
        base = rest[1] if rest is not None and rest[2] in resource_types() else None
        for path, reference in _references(entry.get("resource"), f"entry[{index}].resource"):
            relative = _relative(reference)
            if relative is None or f"{relative[1]}/{relative[2]}" not in held:
                continue
            if base is None or f"{base}{relative[1]}/{relative[2]}" not in urls:
                yield Problem(
                    REFERENCE_UNRESOLVED,
                    "an entry has this type and id, but not under the base of this entry's fullUrl",
                    path=path,
                    value=shown(reference),
                    hint="refer to the fullUrl of that entry",
                )


def _references(node: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        reference = node.get("reference")
        if isinstance(reference, str):
            yield f"{path}.reference", reference
        for key, value in node.items():
            if isinstance(value, (dict, list, tuple)):
                yield from _references(value, f"{path}.{key}")
    elif isinstance(node, (list, tuple)):
        for index, item in enumerate(node):
            yield from _references(item, f"{path}[{index}]")

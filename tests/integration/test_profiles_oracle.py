"""Snapshots that are made beside those that HL7 ships: for every profile of IPS, every profile and extension of R4."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from fhir_msc.validation.definitions import Element
from fhir_msc.validation.profiles.archive import read_archive
from fhir_msc.validation.profiles.definition import Definition, ElementRule, TypeRule, definition_of
from fhir_msc.validation.profiles.known import Profiles
from fhir_msc.validation.profiles.tree import Node, base_element
from tests.support.packages import fetched

pytestmark = pytest.mark.npm

IPS = "hl7.fhir.uv.ips@2.0.0"
R4 = "hl7.fhir.r4.examples@4.0.1"
Json = dict[str, Any]
Said = tuple[str, object, object]

ELSEWHERE = {
    "CodeableConcept.text.value": "the value of a primitive, which is the JSON itself",
    "Coding.display.value": "the same",
}
"""Elements of snapshots that are none in JSON."""


def snapshots(package: str) -> Iterator[Json]:
    if package == IPS:
        for text in read_archive(fetched(package)).files["StructureDefinition"]:
            yield orjson.loads(text)
        return
    with tarfile.open(fetched(package)) as archive:
        for member in archive:
            if member.name.startswith("package/StructureDefinition-"):
                file = archive.extractfile(member)
                assert file is not None
                yield json.loads(file.read())


def differences_alone(documents: list[Json]) -> Profiles:
    """The profiles as a package without snapshots would give them."""
    archive = read_archive(fetched(IPS))
    bare = tuple(orjson.dumps({k: v for k, v in one.items() if k != "snapshot"}) for one in documents)
    return Profiles([type(archive)("x", "1", {}, {**archive.files, "StructureDefinition": bare})])


def applying(root: Node, path: str) -> tuple[list[Node], Element | None]:
    """The nodes whose words hold at an element, the most particular last, and what R4 says of it."""
    nodes, element = [root], None
    for segment in path.split(".")[1:]:
        name, _, slice_name = segment.partition(":")
        kinds = [one.code for node in nodes if node.types and len(node.types) == 1 for one in node.types]
        kinds += [node.kind for node in nodes if node.kind]
        element = next((found for kind in kinds if (found := base_element(kind, name))), None)
        found = [node.children[name] for node in nodes if name in node.children]
        if slice_name:
            found += [node.slices[slice_name] for node in found if slice_name in node.slices]
            if not found or not found[-1].slice_name:
                return [], element
        elif not found and element is not None:
            types = tuple(element.types.values())
            found = [Node(name, types, types[0] if len(types) == 1 else None)]
        nodes = found
        if not nodes:
            return [], element
    return nodes, element


def said_otherwise(definition: Definition, root: Node, rule: ElementRule) -> Iterator[Said]:
    """Where the tree and the shipped snapshot say different things of an element."""
    nodes, element = applying(root, rule.id)
    if not nodes or (element is None and "." in rule.id):
        yield "missing", None, rule.id
        return
    if element is None:
        return
    sliced = bool(nodes[-1].slice_name)
    least = nodes[-1].min if sliced else max(element.min, *(node.min for node in nodes))
    most = min((node.max for node in nodes if node.max is not None), default=None)
    shown = str(most) if most is not None else element.max
    if (least, shown) != (rule.min, rule.max):
        yield "cardinality", (least, shown), (rule.min, rule.max)
    binding = next((node.binding for node in reversed(nodes) if node.binding), None)
    if rule.binding is not None and rule.binding[0] == "required":
        bound = binding[1].split("|")[0] if binding else element.value_set
        if bound != rule.binding[1].split("|")[0]:
            yield "binding", bound, rule.binding
    exactly = next((node.exactly for node in reversed(nodes) if node.exactly), None)
    if exactly != rule.exactly:
        yield "value", exactly, rule.exactly
    types = next((node.types for node in reversed(nodes) if node.types is not None), None)
    if rule.types and types is not None and _plain(types) != _plain(rule.types):
        yield "types", _plain(types), _plain(rule.types)


def _plain(types: tuple[TypeRule, ...]) -> set[tuple[str, frozenset[str], frozenset[str]]]:
    def bare(urls: tuple[str, ...]) -> frozenset[str]:
        return frozenset(url.split("|")[0] for url in urls)

    return {(one.code, bare(one.profiles), bare(one.targets)) for one in types}


def compared(package: str) -> tuple[int, int, list[str]]:
    documents = [one for one in snapshots(package) if one.get("derivation") == "constraint" and "snapshot" in one]
    profiles = differences_alone(documents) if package == IPS else Profiles()
    elements, otherwise = 0, []
    for document in documents:
        made = profiles.definition(document["url"])
        shipped = definition_of(document)
        assert made is not None
        assert shipped is not None
        assert (made.whole, shipped.whole) == (False, True)
        root = profiles.whole(made)
        for rule in shipped.elements:
            elements += 1
            if rule.id not in ELSEWHERE:
                otherwise += [f"{shipped.name} {rule.id}: {what}" for what, _, _ in said_otherwise(made, root, rule)]
    return len(documents), elements, otherwise


def test_snapshots_of_ips() -> None:
    profiles, elements, otherwise = compared(IPS)
    assert (profiles, elements) == (29, 2684)
    # Where its difference names a type again, without the profile that its base asks for, IPS keeps no profile.
    assert otherwise == [
        "Observation-results-laboratory-pathology-uv-ips Observation.category:laboratory: types",
        "Observation-results-radiology-uv-ips Observation.category:radiology: types",
    ]


def test_snapshots_of_r4() -> None:
    profiles, elements, otherwise = compared(R4)
    assert (profiles, elements) == (439, 5231)
    kinds = {line.split(" ")[0] for line in otherwise}
    # bp calls valueQuantity of a component by two names; the others repeat of an extension what its definition says.
    assert kinds == {"bp", "codesystem-history", "elementdefinition-de"}
    assert len(otherwise) < 40

"""What R4 says in prose of the resources that define things: expressions, properties of concepts, search parameters.

``CodeSystem.concept.property.code`` refers to ``CodeSystem.property`` (http://hl7.org/fhir/R4/codesystem.html), and
HL7's URIs for properties have a type (http://hl7.org/fhir/R4/codesystem-concept-properties.html). A CapabilityStatement
repeats the type of a search parameter; what is derived from one is consistent with it
(http://hl7.org/fhir/R4/searchparameter.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from fhir_msc.validation.definitions import search_parameter
from fhir_msc.validation.fhirpath import is_expression
from fhir_msc.validation.objects import Node, nodes
from fhir_msc.validation.primitives import is_absolute_uri

_PROPERTIES = "http://hl7.org/fhir/concept-properties#"
_TYPE_OF_PROPERTY: Mapping[str, str] = MappingProxyType(
    {"inactive": "boolean", "deprecated": "dateTime", "notSelectable": "boolean", "parent": "code", "child": "code"}
)


def has_absolute_url(node: Node) -> bool:
    """Whether the canonical URL of what is defined is absolute."""
    url = node.get("url")
    return not isinstance(url, str) or is_absolute_uri(url)


def has_supplemented(node: Node) -> bool:
    """Whether a supplement names the code system that it adds to."""
    return node.get("content") != "supplement" or "supplements" in node


def has_fhirpath(node: Node) -> bool:
    """Whether ``expression`` is FHIRPath, as far as it is there."""
    text = node.get("expression")
    return not isinstance(text, str) or is_expression(text)


def has_fhirpath_if_said(node: Node) -> bool:
    """The same of an Expression, which names its language."""
    return node.get("language") != "text/fhirpath" or has_fhirpath(node)


def has_type_of_uri(node: Node) -> bool:
    """Whether a property of concepts has the type that HL7's URI of it says."""
    uri, kind = node.get("uri"), node.get("type")
    if not isinstance(uri, str) or not isinstance(kind, str) or not uri.startswith(_PROPERTIES):
        return True
    return _TYPE_OF_PROPERTY.get(uri.removeprefix(_PROPERTIES), kind) == kind


def has_declared_properties(node: Node) -> bool:
    """Whether each property of a concept is declared or one that HL7 defines, with a value of its type."""
    declared = {str(part.get("code")): str(part.get("type")) for part in nodes(node, "property")}
    kinds = {**_TYPE_OF_PROPERTY, **declared}
    return all(_is_declared(part, kinds) for concept in concepts(node) for part in nodes(concept, "property"))


def has_its_count(node: Node) -> bool:
    """Whether ``count`` is the number of concepts, where the code system is said to be here whole."""
    count = node.get("count")
    return not isinstance(count, int) or node.get("content") != "complete" or count == sum(1 for _ in concepts(node))


def _is_declared(part: Node, kinds: Mapping[str, str]) -> bool:
    code = part.get("code")
    if not isinstance(code, str):
        return True
    kind = kinds.get(code)
    if kind is None:
        return False
    wanted = f"value{kind[:1].upper()}{kind[1:]}"
    return all(name.removeprefix("_") == wanted for name in part if name.startswith(("value", "_value")))


def concepts(node: Node) -> Iterator[Node]:
    """The concepts of a code system, of every level."""
    waiting = [*nodes(node, "concept")]
    while waiting:
        concept = waiting.pop()
        yield concept
        waiting += nodes(concept, "concept")


def has_type_of_definition(node: Node) -> bool:
    """Whether a search parameter of a server has the type that R4 gives it."""
    defined = search_parameter(_url(node.get("definition")))
    return defined is None or node.get("type") in (None, defined.type)


def has_type_of_origin(node: Node) -> bool:
    """Whether a search parameter has the type of the one that it is derived from."""
    defined = search_parameter(_url(node.get("derivedFrom")))
    return defined is None or node.get("type") in (None, defined.type)


def has_bases_of_origin(node: Node) -> bool:
    """Whether a search parameter is of no other types than the one that it is derived from."""
    defined = search_parameter(_url(node.get("derivedFrom")))
    bases = node.get("base")
    if defined is None or not defined.bases.isdisjoint({"Resource", "DomainResource"}):
        return True
    return not isinstance(bases, (list, tuple)) or all(base in defined.bases for base in bases if isinstance(base, str))


def _url(canonical: object) -> str:
    return canonical.partition("|")[0] if isinstance(canonical, str) else ""

"""What is checked of a type's objects beyond their elements and invariants: rules that R4 states in prose.

Systems are absolute URIs, and Attachment.size counts the bytes of data (http://hl7.org/fhir/R4/datatypes.html);
``Bundle.entry.fullUrl`` (http://hl7.org/fhir/R4/bundle.html); ids of contained resources
(http://hl7.org/fhir/R4/references.html#contained). A code system of HL7 that R4 holds whole has no other codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fhir_msc.validation.definitional import (
    has_bases_of_origin,
    has_declared_properties,
    has_fhirpath,
    has_fhirpath_if_said,
    has_type_of_definition,
    has_type_of_origin,
    has_type_of_uri,
)
from fhir_msc.validation.definitions import Type, is_unknown_code, resource_types
from fhir_msc.validation.objects import Node, Predicate, has, has_coding, nodes
from fhir_msc.validation.primitives import is_absolute_uri, is_base64_binary
from fhir_msc.validation.problems import (
    ATTACHMENT,
    CODE,
    CONCEPT_PROPERTY,
    CONTAINED,
    EXPRESSION,
    FULL_URL,
    IDENTIFIER,
    LABEL,
    LINK,
    OUTCOME,
    SEARCH_PARAMETER,
    SYSTEM,
    UNIT,
    shown,
)
from fhir_msc.validation.units import UCUM, is_ucum

_rest_url = re.compile(r"https?://.+/([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})").fullmatch


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that holds of every object of a type. ``path`` is where a finding points, relative to the object."""

    id: str
    message: str
    holds: Predicate
    path: str = ""

    def value_of(self, node: Node) -> str | None:
        """The text at ``path``, if one value stands there."""
        return shown(node.get(self.path)) if self.path else None


def rules_of(kind: Type) -> tuple[Rule, ...]:
    """The rules for a type and its bases."""
    return tuple(rule for name in kind.lineage for rule in RULES.get(name, ()))


def _absolute(name: str) -> Rule:
    def holds(node: Node) -> bool:
        system = node.get(name)
        return not isinstance(system, str) or is_absolute_uri(system)

    return Rule(SYSTEM, "the system is an absolute URI", holds, path=name)


def _stated_size(node: Node) -> bool:
    """``size`` counts the bytes before base64."""
    size, data = node.get("size"), node.get("data")
    if not isinstance(size, int) or not isinstance(data, str) or not is_base64_binary(data):
        return True
    text = "".join(data.split())
    return size == len(text) // 4 * 3 - text.count("=")


def _known_code(node: Node) -> bool:
    system, code = node.get("system"), node.get("code")
    if not (isinstance(system, str) and isinstance(code, str)) or "version" in node:
        return True
    return is_ucum(code) if system == UCUM else not is_unknown_code(system, code)


def _is_ucum(node: Node) -> bool:
    return node.get("system") != UCUM or _known_code(node)


def _known_unless_unit(node: Node) -> bool:
    return node.get("system") == UCUM or _known_code(node)


def _uri_identifier(node: Node) -> bool:
    value = node.get("value")
    return node.get("system") != "urn:ietf:rfc:3986" or not isinstance(value, str) or is_absolute_uri(value)


def _distinct_labels(node: Node) -> bool:
    if "security" not in node:
        return True
    labels = [(str(label.get("system")), str(label.get("code"))) for label in nodes(node, "security")]
    return len(labels) == len(set(labels))


def _distinct_links(node: Node) -> bool:
    relations = [str(link["relation"]) for link in nodes(node, "link") if "relation" in link]
    paging = [relation for relation in relations if relation in ("self", "first", "previous", "next", "last")]
    return len(paging) == len(set(paging))


def _outcome(node: Node) -> bool:
    kinds = [resource.get("resourceType") for resource in nodes(node, "resource")]
    return all(search.get("mode") != "outcome" or kinds == ["OperationOutcome"] for search in nodes(node, "search"))


def _distinct_contained(node: Node) -> bool:
    if "contained" not in node:
        return True
    ids = [str(contained["id"]) for contained in nodes(node, "contained") if "id" in contained]
    return len(ids) == len(set(ids))


def _identified_entries(node: Node) -> bool:
    kind = str(node.get("type"))
    return kind.startswith(("batch", "transaction")) or all(
        has(entry, "fullUrl") for entry in nodes(node, "entry") if "resource" in entry
    )


def _full_url(node: Node) -> bool:
    """An absolute URL; one of a REST server ends in the type and the id of the resource."""
    url = node.get("fullUrl")
    if not isinstance(url, str):
        return True
    rest = _rest_url(url)
    if rest is not None and rest[1] in resource_types():
        return all((r.get("resourceType"), r.get("id")) == (rest[1], rest[2]) for r in nodes(node, "resource"))
    return is_absolute_uri(url)


def _research_consent(node: Node) -> bool:
    system = "http://terminology.hl7.org/CodeSystem/consentscope"
    return has(node, "patient") or not has_coding(node, "scope", system, "research")


_ABSOLUTE = _absolute("system")
_UNIT = Rule(UNIT, "the code is not a UCUM unit", _is_ucum, path="code")
_FHIRPATH = Rule(EXPRESSION, "the expression is FHIRPath", has_fhirpath, path="expression")
_CODE = Rule(CODE, "the code is not in its code system, which R4 holds whole", _known_unless_unit, path="code")

RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "Attachment": (
            Rule(ATTACHMENT, "size is the number of bytes that data stands for", _stated_size, path="size"),
        ),
        "Bundle": (
            Rule(FULL_URL, "an entry has a fullUrl, but in a batch or transaction", _identified_entries, "entry"),
            Rule(
                LINK,
                "one link of the bundle has the relation self, first, previous, next or last",
                _distinct_links,
                "link",
            ),
        ),
        "Bundle.entry": (
            Rule(
                FULL_URL,
                "fullUrl is absolute, and ends in the resource's type and id if it is REST",
                _full_url,
                "fullUrl",
            ),
            Rule(OUTCOME, "an entry of search mode outcome is an OperationOutcome", _outcome, "resource"),
        ),
        "CapabilityStatement.rest.resource.searchParam": (
            Rule(SEARCH_PARAMETER, "the type is that of the definition in R4", has_type_of_definition, path="type"),
        ),
        "CodeSystem": (
            Rule(
                CONCEPT_PROPERTY,
                "a concept's properties are declared in property, with the type of their values",
                has_declared_properties,
                path="concept",
            ),
        ),
        "CodeSystem.property": (
            Rule(CONCEPT_PROPERTY, "the type is the one that HL7 gives this URI", has_type_of_uri, path="type"),
        ),
        "Coding": (_ABSOLUTE, _UNIT, _CODE),
        "ConceptMap.group": (_absolute("source"), _absolute("target")),
        "Consent": (
            Rule("MSC-CONSENT-PATIENT", "a consent to research names its patient", _research_consent, "patient"),
        ),
        "DomainResource": (
            Rule(CONTAINED, "two contained resources have the same id", _distinct_contained, path="contained"),
        ),
        "ElementDefinition.constraint": (_FHIRPATH,),
        "Expression": (Rule(EXPRESSION, _FHIRPATH.message, has_fhirpath_if_said, path="expression"),),
        "Identifier": (
            _ABSOLUTE,
            Rule(
                IDENTIFIER, "with system urn:ietf:rfc:3986 the value is an absolute URI", _uri_identifier, path="value"
            ),
        ),
        "Meta": (Rule(LABEL, "a security label stands twice", _distinct_labels),),
        "Quantity": (_ABSOLUTE, _UNIT, _CODE),
        "SearchParameter": (
            _FHIRPATH,
            Rule(SEARCH_PARAMETER, "the type is that of what it is derived from", has_type_of_origin, path="type"),
            Rule(SEARCH_PARAMETER, "it is derived from one of these types", has_bases_of_origin, path="base"),
        ),
        "ValueSet.compose.include": (_ABSOLUTE,),
        "ValueSet.expansion.contains": (_ABSOLUTE,),
    }
)
"""The rules beside the invariants, by type; those of a base hold for what is built on it."""

"""What is checked of a type's objects beyond their elements and invariants: rules that R4 states in prose.

Systems are absolute URIs, size and hash of an Attachment are those of data (http://hl7.org/fhir/R4/datatypes.html);
well-known systems have one spelling (http://hl7.org/fhir/R4/terminologies-systems.html); ids of contained resources
(http://hl7.org/fhir/R4/references.html#contained). A code system of HL7 that R4 holds whole has no other codes.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1
from types import MappingProxyType

from fhir_msc.validation.definitional import (
    has_absolute_url,
    has_bases_of_origin,
    has_declared_properties,
    has_fhirpath,
    has_fhirpath_if_said,
    has_its_count,
    has_supplemented,
    has_type_of_definition,
    has_type_of_origin,
    has_type_of_uri,
)
from fhir_msc.validation.definitions import Type, is_unknown_code
from fhir_msc.validation.narrative import UNLINKED, has_linked_narrative
from fhir_msc.validation.objects import Node, Predicate, has, has_coding, nodes
from fhir_msc.validation.primitives import is_absolute_uri, is_base64_binary
from fhir_msc.validation.problems import (
    ATTACHMENT_HASH,
    ATTACHMENT_SIZE,
    CANONICAL_URL,
    CODE,
    CONCEPT_PROPERTY,
    CONTAINED,
    EXPRESSION,
    IDENTIFIER,
    LABEL,
    NARRATIVE,
    SEARCH_PARAMETER,
    SYSTEM,
    UNIT,
    shown,
)
from fhir_msc.validation.units import UCUM, is_ucum

_PLACES = "urn:iso:std:iso:3166"
_is_place = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?|[A-Z]{3,4}|[0-9]{3}").fullmatch
_SPELT = (
    "http://snomed.info/sct",
    "http://loinc.org",
    UCUM,
    "http://www.nlm.nih.gov/research/umls/rxnorm",
)
"""What begins like one of these is meant to be it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that holds of every object of a type. ``path`` is where a finding points, relative to the object.

    An object without the element ``of`` is not asked; every one is where there is none.
    """

    id: str
    message: str
    holds: Predicate
    path: str = ""
    of: str | None = None

    def asks_of(self, names: Collection[str]) -> bool:
        """Whether an object with these names in JSON has to be asked."""
        return self.of is None or self.of in names

    def value_of(self, node: Node) -> str | None:
        """The text at ``path``, if one value stands there."""
        return shown(node.get(self.path)) if self.path else None


def rules_of(kind: Type) -> tuple[Rule, ...]:
    """The rules for a type and its bases; a resource type with ``url`` and ``version`` has a canonical URL."""
    canonical = kind.resource and {"url", "version"} <= {element.name for element in kind.elements}
    return (*((_CANONICAL,) if canonical else ()), *(rule for name in kind.lineage for rule in RULES.get(name, ())))


def _absolute(name: str) -> Rule:
    def holds(node: Node) -> bool:
        system = node.get(name)
        return not isinstance(system, str) or _is_system(system)

    message = "the system is an absolute URI, and that of SNOMED CT, LOINC, UCUM and RxNorm the one that R4 names"
    return Rule(SYSTEM, message, holds, path=name, of=name)


@lru_cache(1024)
def _is_system(text: str) -> bool:
    return is_absolute_uri(text) and (text in _SPELT or not text.startswith(_SPELT))


def _stated_size(node: Node) -> bool:
    """``size`` counts the bytes before base64."""
    size, data = node.get("size"), node.get("data")
    if not isinstance(size, int) or not isinstance(data, str) or not is_base64_binary(data):
        return True
    text = "".join(data.split())
    return size == len(text) // 4 * 3 - text.count("=")


def _stated_hash(node: Node) -> bool:
    """``hash`` is the SHA-1 of the data, in base64."""
    stated, data = node.get("hash"), node.get("data")
    if not isinstance(stated, str) or not isinstance(data, str) or not is_base64_binary(data):
        return True
    return b64encode(sha1(b64decode(data), usedforsecurity=False).digest()) == stated.encode()


def _known_code(node: Node) -> bool:
    system, code = node.get("system"), node.get("code")
    if not (isinstance(system, str) and isinstance(code, str)) or "version" in node:
        return True
    if system == UCUM:
        return is_ucum(code)
    return _is_place(code) is not None if system == _PLACES else not is_unknown_code(system, code)


def _is_ucum(node: Node) -> bool:
    return node.get("system") != UCUM or _known_code(node)


def _known_unless_unit(node: Node) -> bool:
    return node.get("system") == UCUM or _known_code(node)


def _uri_identifier(node: Node) -> bool:
    value = node.get("value")
    return node.get("system") != "urn:ietf:rfc:3986" or not isinstance(value, str) or is_absolute_uri(value)


def _distinct_labels(node: Node) -> bool:
    labels = [(str(label.get("system")), str(label.get("code"))) for label in nodes(node, "security")]
    return len(labels) == len(set(labels))


def _distinct_contained(node: Node) -> bool:
    ids = [str(contained["id"]) for contained in nodes(node, "contained") if "id" in contained]
    return len(ids) == len(set(ids))


def _research_consent(node: Node) -> bool:
    system = "http://terminology.hl7.org/CodeSystem/consentscope"
    return has(node, "patient") or not has_coding(node, "scope", system, "research")


_ABSOLUTE = _absolute("system")
_UNIT = Rule(UNIT, "the code is not a UCUM unit", _is_ucum, path="code", of="code")
_CANONICAL = Rule(CANONICAL_URL, "the canonical URL is absolute", has_absolute_url, path="url", of="url")
_FHIRPATH = Rule(EXPRESSION, "the expression is FHIRPath", has_fhirpath, path="expression")
_CODE = Rule(
    CODE, "the code is not in its code system, which R4 holds whole", _known_unless_unit, path="code", of="code"
)

RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "Attachment": (
            Rule(
                ATTACHMENT_SIZE,
                "size is the number of bytes that data stands for",
                _stated_size,
                path="size",
                of="size",
            ),
            Rule(
                ATTACHMENT_HASH,
                "hash is the SHA-1 of what data stands for, in base64",
                _stated_hash,
                path="hash",
                of="hash",
            ),
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
            Rule(CONCEPT_PROPERTY, "count is the number of concepts of a complete system", has_its_count, path="count"),
            Rule(CONCEPT_PROPERTY, "a supplement names what it supplements", has_supplemented, path="supplements"),
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
            Rule(NARRATIVE, UNLINKED, has_linked_narrative, path="text.div", of="text"),
            Rule(
                CONTAINED,
                "two contained resources have the same id",
                _distinct_contained,
                path="contained",
                of="contained",
            ),
        ),
        "ElementDefinition.constraint": (_FHIRPATH,),
        "Expression": (Rule(EXPRESSION, _FHIRPATH.message, has_fhirpath_if_said, path="expression"),),
        "Identifier": (
            _ABSOLUTE,
            Rule(
                IDENTIFIER,
                "with system urn:ietf:rfc:3986 the value is an absolute URI",
                _uri_identifier,
                path="value",
                of="value",
            ),
        ),
        "Meta": (Rule(LABEL, "a security label stands twice", _distinct_labels, of="security"),),
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

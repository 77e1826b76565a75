"""What a check gives back: problems, whose path grows from the leaf to the root only when there is one.

Rule ids are stable. ``MSC-FHIR-`` is what R4 says, grouped by what is wrong; ``MSC-UNIT-`` is UCUM; the rest is the
project's own. The ids of invariants end in their key (``MSC-FHIR-INVARIANT-OBS-6``), those of types in the type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import orjson

from fhir_msc.findings import Severity

if TYPE_CHECKING:
    from fhir_msc.validation.memory import Memory
    from fhir_msc.validation.profiles.document import Document
    from fhir_msc.validation.profiles.known import Profiles

JSON = "MSC-FHIR-JSON"
JSON_DUPLICATE = "MSC-FHIR-JSON-DUPLICATE"
SIZE = "MSC-FHIR-JSON-SIZE"
UNKNOWN = "MSC-FHIR-STRUCTURE-UNKNOWN"
EMPTY = "MSC-FHIR-STRUCTURE-EMPTY"
NULL = "MSC-FHIR-STRUCTURE-NULL"
ARRAY = "MSC-FHIR-STRUCTURE-ARRAY"
OBJECT = "MSC-FHIR-STRUCTURE-OBJECT"
CHOICE = "MSC-FHIR-STRUCTURE-CHOICE"
RESOURCE_TYPE = "MSC-FHIR-STRUCTURE-RESOURCE-TYPE"
DEPTH = "MSC-FHIR-STRUCTURE-DEPTH"
NARRATIVE = "MSC-FHIR-STRUCTURE-NARRATIVE"
MIN = "MSC-FHIR-CARDINALITY-MIN"
MAX = "MSC-FHIR-CARDINALITY-MAX"
TYPE = "MSC-FHIR-TYPE"
ZONE = "MSC-FHIR-ZONE"
ATTACHMENT_SIZE = "MSC-FHIR-ATTACHMENT-SIZE"
ATTACHMENT_HASH = "MSC-FHIR-ATTACHMENT-HASH"
BINDING = "MSC-FHIR-BINDING"
CODE = "MSC-FHIR-CODE"
IDENTIFIER = "MSC-FHIR-IDENTIFIER"
ELEMENT_ID = "MSC-FHIR-ELEMENT-ID"
NOTED_ID = ""
"""No problem: an element with an id, told to the resource around, in which ids are unique."""
EXTENSION_URL = "MSC-FHIR-EXTENSION-URL"
EXTENSION_DEFINITION = "MSC-FHIR-EXTENSION-DEFINITION"
EXTENSION_CONTEXT = "MSC-FHIR-EXTENSION-CONTEXT"
NOTED_EXTENSION = "noted"
"""No problem: an extension that may not stand everywhere, told to the resource around, which knows where it stands."""
CONTAINED = "MSC-FHIR-CONTAINED"
EXPRESSION = "MSC-FHIR-EXPRESSION"
CONCEPT_PROPERTY = "MSC-FHIR-CONCEPT-PROPERTY"
SEARCH_PARAMETER = "MSC-FHIR-SEARCH-PARAMETER"
CANONICAL_URL = "MSC-FHIR-CANONICAL-URL"
DOCUMENT = "MSC-FHIR-BUNDLE-DOCUMENT"
FULL_URL = "MSC-FHIR-BUNDLE-FULLURL"
LINK = "MSC-FHIR-BUNDLE-LINK"
OUTCOME = "MSC-FHIR-BUNDLE-OUTCOME"
LABEL = "MSC-FHIR-META-LABEL"
SYSTEM = "MSC-FHIR-SYSTEM"
REFERENCE_FORMAT = "MSC-FHIR-REFERENCE-FORMAT"
REFERENCE_TARGET = "MSC-FHIR-REFERENCE-TARGET"
REFERENCE_UNRESOLVED = "MSC-FHIR-REFERENCE-UNRESOLVED"
INVARIANT = "MSC-FHIR-INVARIANT"
PROFILE = "MSC-FHIR-PROFILE"
UNIT = "MSC-UNIT-UCUM"


_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Problem:
    """One thing wrong, or worth knowing, at ``path``, which is relative to what was checked.

    ``value`` is the text that it is about.
    """

    rule: str
    message: str
    path: str = ""
    value: str | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR


class Within(NamedTuple):
    """What a check knows of the document around.

    ``contained`` are the ids of the resources that the same resource contains, with their types, and ``inside`` says
    that this is one of them; ``urls`` are the ``fullUrl`` of every entry of the batch or transaction around, ``None``
    outside one. ``depth`` counts the elements around that may hold others of their own type: extensions, items,
    resources. ``resource`` is the resource around and ``root`` the one that contains it or is it, where an invariant
    below speaks of them. ``profiles`` are what resources are held against, ``None`` for R4's own; ``document`` finds
    what references in the Bundle around lead to. ``memory`` knows verdicts on values of the same profiles, ``None``
    where values are not as orjson reads them.
    """

    contained: Mapping[str, str] = _NOTHING
    inside: bool = False
    urls: frozenset[str] | None = None
    depth: int = 0
    resource: object = None
    root: object = None
    profiles: Profiles | None = None
    document: Document | None = None
    memory: Memory | None = None

    @property
    def alone(self) -> bool:
        """Whether no reference can lead to something in the same document."""
        return not self.contained and not self.inside and self.urls is None and self.document is None


def under(segment: str, found: list[Problem]) -> list[Problem]:
    """The problems one level up: below the element ``name`` or the item ``[n]``."""
    for problem in found:
        problem.path = below(segment, problem.path)
    return found


def below(segment: str, path: str) -> str:
    """The path of what is at ``path`` below the element ``name`` or the item ``[n]``."""
    return f"{segment}.{path}" if path and not path.startswith("[") else f"{segment}{path}"


def shown(value: object) -> str | None:
    """The text of a wrong value as in JSON, if it is a single one; cut at 200 characters."""
    if isinstance(value, float):
        return orjson.dumps(value).decode()
    return None if value is None or isinstance(value, (dict, list, tuple)) else str(value)[:200]

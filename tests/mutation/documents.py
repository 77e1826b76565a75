"""The broken documents. A number fixes the document."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from random import Random
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from fhir_msc.validation import validate
from fhir_msc.validation.definitions import resource_types
from tests.agreement.documents import DEFINITIONS, PACKAGE
from tests.agreement.mutations import KINDS, UNHEEDED
from tests.agreement.mutations import mutant as broken
from tests.support.packages import texts
from tests.unit.validation.mutants import mutant as changed

Json = dict[str, Any]

LARGEST = 12_000
"""The largest example that is broken, in bytes."""
OF_A_TYPE = 20
"""How many examples of a type at most: of some there are a hundred, of others one."""
DIFFERENT = {
    "Evidence": "R4B has another resource of this name: variableDefinition in place of exposureBackground",
    "EvidenceVariable": "R4B has another resource of this name: its characteristics are others",
}
"""Types that R4 and R4B share by name alone (http://hl7.org/fhir/R4B/diff.html)."""


class Mutant(NamedTuple):
    """A broken document: the kind of its first change, and from which example it was made."""

    kind: str
    original: str
    document: Json


@cache
def model(name: str) -> type[BaseModel] | None:
    """The R4B model of a resource type, ``None`` where R4B does not have the type."""
    try:
        found: type[BaseModel] = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    except ModuleNotFoundError:
        return None
    return found


@cache
def shared_types() -> frozenset[str]:
    """The resource types that R4 and R4B share."""
    return frozenset(name for name in resource_types() - DIFFERENT.keys() if model(name) is not None)


def rejected(document: Json) -> str | None:
    """Why fhir.resources rejects a document, in one line, or ``None``. A document of no type that it has is rejected,
    and so is one on which its own code fails."""
    name = document.get("resourceType")
    of = model(name) if isinstance(name, str) and name in resource_types() else None
    if of is None:
        return "no resource type of R4B"
    try:
        of.model_validate_json(json.dumps(document))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (AttributeError, KeyError, TypeError) as error:  # wrong shapes in its own code
        return type(error).__name__
    return None


def originals() -> dict[str, list[tuple[str, Json]]]:
    """By type, HL7's examples that both sides accept, without those that define FHIR itself."""
    found: dict[str, list[tuple[str, Json]]] = {}
    for name, text in texts(PACKAGE, LARGEST, DEFINITIONS):
        document: Json = json.loads(text)
        some = found.setdefault(document["resourceType"], [])
        if len(some) < OF_A_TYPE and document["resourceType"] in shared_types() and _accepted(document):
            some.append((name.removesuffix(".json"), document))
    return {kind: some for kind, some in found.items() if some}


def _accepted(document: Json) -> bool:
    return not any(finding.is_error for finding in validate(document)) and rejected(document) is None


_WAYS: Sequence[str] = (*KINDS, *UNHEEDED)


def mutant(by_type: dict[str, list[tuple[str, Json]]], number: int) -> Mutant:
    """The broken document of that number: each type as often as the next, one to three changes, of all kinds."""
    random = Random(number)
    kinds = sorted(by_type)
    original, document = random.choice(by_type[kinds[number % len(kinds)]])
    document, first = copy.deepcopy(document), ""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        kind = random.choice(_WAYS)
        after = broken(document, kind, random) if random.random() < 0.5 else None
        if after is None:
            if len(document) < 2:
                break
            kind, _, after = changed(document, random)
        document, first = after, first or kind
    return Mutant(first, original, document)

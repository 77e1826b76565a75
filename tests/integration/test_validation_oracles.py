"""The checks against other implementations, on real documents and on mutants of them.

fhir.resources (R4B models): what it rejects we reject. HL7's Java engine: what it rejects we reject, but for what is
listed here with its reason. The other way round we reject more, which the tests of each rule justify.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from lark.exceptions import LarkError

from fhir_msc.findings import Finding
from fhir_msc.validation import validate
from fhir_msc.validation.units import is_ucum
from tests.mutation.documents import rejected
from tests.support.engine import Hl7Engine
from tests.unit.validation.mutants import mutant

Json = dict[str, Any]

SHARED = Path("../shared")
TYPES = ["AdverseEvent", "Bundle", "CodeSystem", "Consent", "Encounter", "Medication", "MedicationAdministration"]
TYPES += ["Observation", "Organization", "Patient", "ResearchStudy", "ResearchSubject"]
FOLDERS = (
    "data/fhir-r4-research",
    "reference/fhir/examples",
    "data/synthea-6-patients",
    "data/hl7-validator-cases/cases",
)

UNKNOWABLE = {
    "has not been checked because it could not be found": "a profile that no package here defines",
    "Invalid profile. Failed to retrieve profile": "the same, from the engine's second pass",
    "#null'": "a coding with a known system and no code: R4 asks for none",
    "is not in valueset: http://hl7.org/fhir/ValueSet/languages": "the registry of BCP 47 is no closed list",
    "Inappropriate CodeSystem URL": "the same",
    "is not valid base64: Illegal base64 character 20": "R4's expression for base64Binary allows white space",
    "Extension.url must be an absolute URL": "its scheme is in capitals, which RFC 3986 allows",
    "must be an absolute reference": "the same",
    "Canonical URLs must be absolute URLs": "the same",
}
"""What the engine alone refuses, by a part of its message, and why we do not."""


@cache
def documents() -> tuple[Json, ...]:
    """The resources of this project's types in ../shared, entries of bundles included, that we find right."""
    found = [
        document for folder in FOLDERS for path in sorted((SHARED / folder).rglob("*.json")) for document in _read(path)
    ]
    return tuple(document for document in found if not errors_of(document))


def errors_of(document: Json) -> list[Finding]:
    """What is wrong; that a profile is not known says nothing of the document."""
    return [one for one in validate(document) if one.is_error]


def _read(path: Path) -> Iterator[Json]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError:  # the suite holds cases that are no JSON
        return
    if not isinstance(document, dict):
        return
    entries = [entry["resource"] for entry in document.get("entry", [])[:80] if "resource" in entry]
    for resource in entries if len(entries) > 20 else [document, *entries]:
        if resource.get("resourceType") in TYPES and len(json.dumps(resource)) < 30_000:
            yield resource


def mutants(count: int, seed: int) -> Iterator[tuple[str, Json]]:
    """Mutants of the documents, each type as often as the next."""
    random = Random(seed)
    by_type: dict[str, list[Json]] = {}
    for document in documents():
        by_type.setdefault(document["resourceType"], []).append(document)
    for number in range(count):
        kind, path, changed = mutant(random.choice(by_type[random.choice(sorted(by_type))]), random)
        yield f"{number} {kind} {changed.get('resourceType')}{path}", changed


def test_units_are_those_of_ucumvert() -> None:
    from ucumvert.parser import get_ucum_parser

    parser = get_ucum_parser()
    for code in [
        "{score}",
        "10*6/kg",
        "kg.m/s2",
        "10^6",
        "ukat/L",
        "month",
        "((",
        "mg/24.h",
        "IU/L",
        "g//L",
        "L.",
        "2",
    ]:
        try:
            parser.parse(code)
        except LarkError:
            assert not is_ucum(code), code
        else:
            assert is_ucum(code), code


@pytest.mark.shared
def test_there_are_documents_of_every_type() -> None:
    assert {document["resourceType"] for document in documents()} == set(TYPES)


@pytest.mark.shared
def test_what_is_right_here_is_right_for_fhir_resources() -> None:
    assert [rejected(document) for document in documents() if rejected(document)] == []


@pytest.mark.shared
def test_what_fhir_resources_rejects_we_reject() -> None:
    refused = Counter[bool]()
    for name, document in mutants(4000, seed=1):
        reason = rejected(document)
        if reason is not None:
            assert errors_of(document), f"{name}: {reason}"
        refused[reason is not None] += 1
    assert refused[True] > 2000


@pytest.mark.shared
@pytest.mark.hapi
def test_what_hl7_s_engine_rejects_we_reject(hl7_engine: Hl7Engine) -> None:
    missed, verdicts = [], Counter[tuple[bool, bool]]()
    for name, document in mutants(600, seed=2):
        errors = [m for m in hl7_engine.errors(document) if not any(part in m.message for part in UNKNOWABLE)]
        findings = errors_of(document)
        verdicts[bool(errors), bool(findings)] += 1
        if errors and not findings:
            missed.append(f"{name}: {errors[0].location}: {errors[0].message}")
    assert missed == []
    assert verdicts[True, True] > 300
    assert verdicts[False, True] < 60, verdicts

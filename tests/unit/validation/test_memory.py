"""What is remembered of values, planned by names and asked first changes no answer."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from fhir_msc.findings import Finding
from fhir_msc.validation import forget, validate
from fhir_msc.validation.definitions import type_named, type_names
from fhir_msc.validation.fhirpath import compile_invariant, mentions_surroundings
from fhir_msc.validation.fhirpath.lambdas import Surroundings
from fhir_msc.validation.invariants import CHECKED_ELSEWHERE, expression_of, looks_around
from fhir_msc.validation.memory import DEEPEST, LONGEST, Memory, remembering
from fhir_msc.validation.problems import Problem, Within
from fhir_msc.validation.structure import MAX_DEPTH
from fhir_msc.validation.surely import LINKS, SURELY
from tests.unit.validation.mutants import mutant

Json = dict[str, Any]
STUDY = "http://hl7.org/fhir/StructureDefinition/workflow-researchStudy"
OBSERVATION: Json = {
    "resourceType": "Observation",
    "extension": [{"url": STUDY, "valueReference": {"reference": "ResearchStudy/s"}}],
    "contained": [{"resourceType": "Patient", "id": "p"}],
    "identifier": [{"system": "http://example.org/ids", "value": "1"}],
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
    "subject": {"reference": "#p"},
    "valueQuantity": {"value": 4.5, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"},
    "referenceRange": [{"low": {"value": 4.2}, "high": {"value": 6.5}}],
}
QUESTIONNAIRE: Json = {
    "resourceType": "Questionnaire",
    "status": "active",
    "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "1.1", "type": "string"}]}],
}


def text(document: Json) -> bytes:
    return json.dumps(document).encode()


def fresh(document: Json) -> list[Finding]:
    forget()
    return validate(text(document))


@pytest.mark.parametrize("document", [OBSERVATION, QUESTIONNAIRE], ids=["observation", "questionnaire"])
def test_a_document_is_found_the_same_after_whatever_was_checked_before(document: Json) -> None:
    forget()
    validate(text(document))
    for seed in range(400):
        _, _, changed = mutant(json.loads(text(document)), Random(seed))
        after = validate(text(changed))
        again = validate(text(changed))
        assert after == again == fresh(changed), seed
        validate(text(document))
    assert validate(text(document)) == fresh(document)


def test_a_reference_that_was_right_beside_its_contained_resource_is_wrong_without_it() -> None:
    forget()
    assert validate(text(OBSERVATION)) == []
    alone = {name: value for name, value in OBSERVATION.items() if name != "contained"}
    assert [one.rule for one in validate(text(alone))] == ["MSC-FHIR-INVARIANT-REF-1"]
    assert validate(text(OBSERVATION)) == []


def test_an_extension_is_found_misplaced_each_time_and_at_its_own_place() -> None:
    forget()
    wrong = {**OBSERVATION, "code": {**OBSERVATION["code"], "extension": OBSERVATION["extension"]}}
    for _ in range(2):
        found = validate(text(wrong))
        assert [(one.rule, one.path) for one in found] == [
            ("MSC-FHIR-EXTENSION-CONTEXT", "Observation.code.extension[0]")
        ]
        assert validate(text(OBSERVATION)) == []


def test_what_is_clean_is_asked_once_and_what_is_wrong_each_time() -> None:
    asked: list[object] = []

    def check(value: object, within: Within) -> list[Problem] | None:
        asked.append(value)
        return [Problem("R", "wrong")] if value == {"wrong": 1} else None

    around = Within(memory=Memory())
    remembered = remembering(check)
    for _ in range(3):
        assert remembered({"right": 1}, around) is None
        assert remembered({"wrong": 1}, around) == [Problem("R", "wrong")]
    assert asked == [{"right": 1}, {"wrong": 1}, {"wrong": 1}, {"wrong": 1}]


def test_without_a_memory_every_value_is_asked() -> None:
    asked: list[object] = []

    def check(value: object, within: Within) -> None:
        asked.append(value)

    for _ in range(2):
        remembering(check)({"right": 1}, Within())
    assert len(asked) == 2


def test_what_may_lead_to_a_neighbour_is_asked_each_time_where_there_is_one() -> None:
    asked: list[object] = []

    def check(value: object, within: Within) -> None:
        asked.append(value)

    memory = Memory()
    for around in (Within(memory=memory), Within(contained={"p": "Patient"}, memory=memory)):
        for _ in range(2):
            remembering(check)({"reference": "#p"}, around)
    assert len(asked) >= 3


def test_a_memory_is_bounded() -> None:
    memory = Memory()

    def check(value: object, within: Within) -> None:
        return None

    largest = 0
    for number in range(60_000):
        memory[check].again += 1  # as if each value were met again
        memory.keep(check, b"%d" % number + b"x" * LONGEST, ())
        largest = max(largest, len(memory[check]))
    assert 10_000 < largest <= 16 * 1024 * 1024 // LONGEST


def test_what_never_comes_again_is_not_kept_and_asked_each_time() -> None:
    asked: list[object] = []

    def check(value: object, within: Within) -> None:
        asked.append(value)

    def often(value: object, within: Within) -> None:
        asked.append(value)

    around = Within(memory=Memory())
    assert around.memory is not None
    unique, repeating = remembering(check), remembering(often)
    values = [{"value": number} for number in range(1000)]
    for value in values:
        unique(value, around)
    assert asked == values
    assert not around.memory[check]
    asked.clear()
    for number in range(1000):
        repeating({"value": number // 3}, around)
    assert asked == values[:334]
    assert len(around.memory[often]) == 334


def test_what_is_remembered_cannot_nest_to_the_limit_of_depth() -> None:
    part = '{"url":"a","extension":[]}'
    assert DEEPEST + LONGEST // len(part) < MAX_DEPTH


def test_no_invariant_of_what_is_remembered_speaks_of_the_resource_around() -> None:
    around = [
        (name, constraint.key)
        for name in type_names()
        if not type_named(name).resource and not looks_around(name.partition(".")[0])
        for constraint in type_named(name).constraints.values()
        if not constraint.warning
        and constraint.key not in CHECKED_ELSEWHERE
        and mentions_surroundings(expression_of(constraint), resource=False)
    ]
    assert around == []


def test_the_names_of_links_are_names_of_links_alone() -> None:
    kinds = {
        (name, kind)
        for of in type_names()
        for element in type_named(of).elements
        for name, kind in element.json_names.items()
        if name in LINKS - {"reference"}
    }
    assert {kind for _, kind in kinds} <= {"canonical", "uri", "url"}
    own = {
        element.json_names["reference"]
        for of in type_names()
        if type_named(of).resource
        for element in type_named(of).elements
        if element.name == "reference"
    }
    assert own <= {"Reference", "uri"}  # a URI is a link wherever it stands; a text would be one below another alone


def contained(reference: Json, *ids: str) -> Json:
    return {"resourceType": "List", "contained": [{"resourceType": "Patient", "id": one} for one in ids], **reference}


def bundle(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": list(entries)}


def version(number: str) -> Json:
    return {"resource": {"resourceType": "Patient", "meta": {"versionId": number}}}


CASES = [
    (
        "dom-3",
        [
            contained({"subject": {"reference": "#a"}}, "a"),
            contained({"entry": [{"item": {"reference": "#b"}}], "subject": {"reference": "#a"}}, "a", "b"),
            {"resourceType": "Measure", "library": ["#a"], "contained": [{"resourceType": "Library", "id": "a"}]},
        ],
        [
            contained({}, "a"),
            contained({"subject": {"reference": "#a"}}, "a", "b"),
            contained({"subject": {"reference": {"reference": "a"}}}, "a"),
            {"resourceType": "Measure", "title": "#a", "contained": [{"resourceType": "Library", "id": "a"}]},
        ],
    ),
    (
        "que-2",
        [QUESTIONNAIRE, {"resourceType": "Questionnaire"}],
        [
            {**QUESTIONNAIRE, "item": [*QUESTIONNAIRE["item"], {"linkId": "1.1"}]},
            {**QUESTIONNAIRE, "item": [{"linkId": "1"}, {"linkId": "1"}]},
        ],
    ),
    (
        "bdl-7",
        [
            bundle({"fullUrl": "urn:a"}, {"fullUrl": "urn:b"}),
            bundle({"fullUrl": "urn:a", **version("1")}, {"fullUrl": "urn:a", **version("2")}),
            bundle({}, {}),
        ],
        [
            bundle({"fullUrl": "urn:a"}, {"fullUrl": "urn:a"}),
            bundle({"fullUrl": "urn:a", **version("1")}, {"fullUrl": "urn:a", **version("1")}),
            bundle({"fullUrl": "urn:a1"}, {"fullUrl": "urn:a", **version("1")}),
        ],
    ),
]


@pytest.mark.parametrize(("key", "right", "wrong"), CASES, ids=[case[0] for case in CASES])
def test_what_is_asked_first_is_enough(key: str, right: list[Json], wrong: list[Json]) -> None:
    assert {case[0] for case in CASES} == SURELY.keys()
    for document in right:
        assert SURELY[key](document)
    for document in [*right, *wrong]:
        kind = type_named(document["resourceType"])
        holds = compile_invariant(expression_of(kind.constraints[key]), kind.name).holds
        if SURELY[key](document):
            assert holds(document, Surroundings(document, document))
    for document in wrong:
        assert not SURELY[key](document)

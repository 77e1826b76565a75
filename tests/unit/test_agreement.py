"""The comparison with HL7's engine itself: places in one form, mutants that stay the same, verdicts that are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.agreement.documents import Document, mutants
from tests.agreement.elements import engine_element
from tests.agreement.mutations import KINDS, UNHEEDED
from tests.agreement.verdicts import Verdicts
from tests.support.engine import EngineMessage, Hl7Engine

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "category": [{"coding": [{"system": "http://x.org", "code": "a"}, {"system": "http://x.org", "code": "b"}]}],
    "code": {"text": "x"},
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2021-03-05",
    "valueQuantity": {"value": 1, "unit": "g", "system": "http://unitsofmeasure.org", "code": "g"},
}
BUNDLE: dict[str, Any] = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": OBSERVATION}]}


UNIT = "Error processing unit 'g'"
ELSEWHERE = "Can't find 'A/1' in the bundle (Bundle.entry[0].resource.subject). Note that"


@pytest.mark.parametrize(
    ("document", "place", "message", "element"),
    [
        (OBSERVATION, "Observation.status", "no such code", "Observation.status"),
        (OBSERVATION, "Observation", "Unrecognized property 'wat'", "Observation"),
        ({**OBSERVATION, "wat": 1}, "Observation", "Unrecognized property 'wat'", "Observation.wat"),
        (OBSERVATION, "Observation.value.ofType(Quantity).unit", "x", "Observation.valueQuantity.unit"),
        (OBSERVATION, "Observation.value[x].unit", "must be a simple value", "Observation.valueQuantity.unit"),
        (OBSERVATION, "Observation.value.ofType(Quantity)", UNIT, "Observation.valueQuantity.code"),
        (OBSERVATION, "Observation.category[0]", "Unknown code 'x#b'", "Observation.category[0].coding[1].code"),
        (OBSERVATION, "Observation.subject", "The reference 'x' is not valid", "Observation.subject.reference"),
        (OBSERVATION, "Observation.performer[0].reference", "x", "Observation"),
        (BUNDLE, "Bundle.entry[0].resource/*Observation/null*/.code", "x", "Bundle.entry[0].resource.code"),
        (BUNDLE, "Bundle", ELSEWHERE, "Bundle.entry[0].resource.subject.reference"),
        (OBSERVATION, "", "Error parsing JSON", ""),
    ],
)
def test_places_of_the_engine_in_our_form(document: dict[str, Any], place: str, message: str, element: str) -> None:
    assert engine_element(EngineMessage("error", place, message), document) == element


def originals(count: int) -> list[Document]:
    made = [{**OBSERVATION, "id": str(number), "code": {"text": f"x{number}"}} for number in range(count)]
    return [Document(document["id"], json.dumps(document).encode()) for document in made]


@pytest.mark.parametrize("kinds", [tuple(KINDS), tuple(UNHEEDED)])
def test_mutants_are_the_same_each_time_and_differ_from_what_they_were(kinds: tuple[str, ...]) -> None:
    texts = {document.name: json.loads(document.text) for document in originals(20)}
    first = list(mutants(originals(20), 48, "x", kinds))
    assert first == list(mutants(originals(20), 48, "x", kinds))
    assert all(json.loads(one.text) not in texts.values() for one in first)
    assert {one.name.partition("(")[2].partition(" in ")[0] for one in first} == set(kinds)


def test_one_document_more_changes_few_mutants() -> None:
    before, after = (list(mutants(originals(count), 96, "x")) for count in (20, 21))
    assert sum(one.text != other.text for one, other in zip(before, after, strict=True)) < 24


class Counting(Hl7Engine):
    """An engine that has no process and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def errors(self, body: object) -> list[EngineMessage]:
        self.asked += 1
        return [EngineMessage("error", "Patient", str(body))]


def test_a_verdict_is_asked_for_once(tmp_path: Path) -> None:
    engine = Counting()
    first = Verdicts(tmp_path, engine)
    assert [first.of(text).errors[0].message for text in (b"a", b"b", b"a")] == ["b'a'", "b'b'", "b'a'"]
    assert Verdicts(tmp_path, engine).of(b"b") == first.of(b"b")
    assert engine.asked == 2

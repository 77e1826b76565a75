"""Whatever comes in, findings come out: no exception, the same each time, and the document is left as it was."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.validation import validate
from tests.unit.validation.mutants import mutant

NAMES = [
    "resourceType",
    "id",
    "meta",
    "profile",
    "contained",
    "extension",
    "url",
    "reference",
    "type",
    "code",
    "coding",
]
NAMES += [
    "system",
    "value",
    "valueQuantity",
    "valueRange",
    "low",
    "component",
    "category",
    "status",
    "_status",
    "text",
    "div",
]
NAMES += [
    "entry",
    "resource",
    "fullUrl",
    "period",
    "start",
    "end",
    "timing",
    "repeat",
    "when",
    "offset",
    "name",
    "given",
]
TEXTS = [
    "Observation",
    "Bundle",
    "transaction",
    "http://loinc.org",
    "http://unitsofmeasure.org",
    "#a",
    "2021-02-30",
    "\ud800",
    "CD",
]

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(TEXTS))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)),
    max_leaves=25,
)

PANEL: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {
        "profile": ["http://hl7.org/fhir/StructureDefinition/bp"],
        "tag": [{"system": "http://x.org", "code": "a"}],
    },
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "contained": [
        {"resourceType": "Patient", "id": "p", "name": [{"given": ["A", None], "_given": [None, {"id": "x"}]}]}
    ],
    "identifier": [{"system": "http://x.org/id", "value": "1", "period": {"start": "2021", "end": "2022"}}],
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "subject": {"reference": "#p"},
    "effectiveTiming": {
        "repeat": {"offset": 1, "when": ["ACM"], "boundsRange": {"low": {"value": 1}, "high": {"value": 2}}}
    },
    "component": [{"code": {"text": "x"}, "valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 1.5}}}],
    "referenceRange": [
        {"low": {"value": 1, "unit": "g", "system": "http://unitsofmeasure.org", "code": "g"}, "text": "x"}
    ],
}


@given(
    st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8),
    st.sampled_from(["Observation", "Bundle", "Patient", "Consent"]),
)
def test_any_document(members: dict[str, Any], name: str) -> None:
    document = {**members, "resourceType": name}
    before = copy.deepcopy(document)
    assert repr(validate(document)) == repr(validate(before))
    assert repr(document) == repr(before)


@given(st.one_of(st.binary(max_size=40), st.text(max_size=40)))
def test_any_text(text: bytes | str) -> None:
    assert validate(text) != []


@pytest.mark.parametrize("seed", range(8))
def test_any_mutant(seed: int) -> None:
    random = Random(seed)
    for _ in range(100):
        document = PANEL
        for _ in range(random.randrange(1, 4)):
            _, _, document = mutant(document, random)
        assert validate(json.dumps(document)) == validate(document)


def test_names_that_are_no_text() -> None:
    assert [f.rule for f in validate({"resourceType": "Patient", "name": [{1: "x"}]})] == ["MSC-FHIR-STRUCTURE-UNKNOWN"]

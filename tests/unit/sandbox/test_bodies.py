"""What the sandbox keeps of a body, what it refuses, and that its table of R4 is R4."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.sandbox import bodies, primitives, r4
from fhir_msc.sandbox.outcome import Refused
from tools import sandbox_elements

OURS = (
    "ResearchStudy", "ResearchSubject", "Patient", "Organization", "Consent", "Encounter", "MedicationAdministration",
    "Observation", "AdverseEvent", "CodeSystem", "HumanName", "CodeableConcept", "Coding", "Identifier", "Quantity",
    "Period", "Reference", "Meta", "Address", "ContactPoint", "Annotation", "Dosage", "Narrative",
)  # fmt: skip


PRIMITIVES = {
    "base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
    "markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid", "xhtml",
}  # fmt: skip


def clean(resource: dict[str, Any]) -> dict[str, Any]:
    return bodies.clean(resource, lambda text, path: text)[0]


@pytest.mark.parametrize("type_name", OURS)
def test_the_table_names_the_elements_that_fhir_resources_knows(type_name: str) -> None:
    model = get_fhir_model_class(type_name)
    fields = {field.alias or name for name, field in model.model_fields.items()}
    # Extensions of primitives go by the name of the primitive; comments are gone since DSTU2.
    fields = {name for name in fields if not name.startswith("_")} - {"fhir_comments", "resource_type", "resourceType"}
    assert set(r4.elements(type_name)) == fields


@pytest.mark.parametrize("value", ['"\\ud800"', "NaN", "1" * 4000 + "x", "-", "01"])
def test_what_is_not_json_is_refused(value: str) -> None:
    with pytest.raises(Refused):
        bodies.read(f'{{"resourceType": "Patient", "wat": {value}}}'.encode())


def test_integers_of_any_length_stay() -> None:
    body = b'{"resourceType":"Observation","valueQuantity":{"value":123456789012345678901234567890}}'
    assert bodies.write(clean(bodies.read(body))) == body
    assert bodies.write(clean(bodies.read(b'{"resourceType":"Patient","name":[{"text":"\\ud83e\\uddec"}]}'))).endswith(
        '"🧬"}]}'.encode()
    )


def test_every_type_in_the_table_is_a_type() -> None:
    structures = {"Resource", *r4.resource_types()}
    met: set[str] = set()
    while structures - met:
        type_name = min(structures - met)
        met.add(type_name)
        structures |= {element.type for element in r4.elements(type_name).values() if element.is_object}
    primitive = {e.type for name in met for e in r4.elements(name).values() if not e.is_object}
    assert primitive <= PRIMITIVES
    assert all(r4.elements(name) for name in met)


@pytest.mark.parametrize("type_name", OURS)
def test_the_table_knows_which_elements_are_arrays(type_name: str) -> None:
    for name, field in get_fhir_model_class(type_name).model_fields.items():
        element = r4.elements(type_name).get(field.alias or name)
        if element:
            assert element.is_array is ("List" in str(field.annotation)), f"{type_name}.{name}"


def test_the_file_is_what_the_tool_writes() -> None:
    sources = Path(r4.__file__).parent.parent
    definitions = json.loads((sources / "validation" / "r4.json").read_text())
    written = sandbox_elements.text(sandbox_elements.table(definitions))
    assert (sources / "sandbox" / "r4.json").read_text() == written


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,12})([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_numbers_stay_as_written(number: str) -> None:
    body = f'{{"resourceType":"Observation","valueQuantity":{{"value":{number}}}}}'
    assert bodies.write(clean(bodies.read(body.encode()))) == body.encode()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*r4.elements("Observation"), "wat", "_status", "reference", "coding", "code"]),
            inner,
            max_size=4,
        )
    ),
)


@given(ANYTHING)
def test_whatever_comes_is_cleaned_or_refused(value: Any) -> None:
    body = json.dumps(
        {"resourceType": "Observation", "meta": value, "subject": value, "code": value, "category": [value]}
    )
    try:
        cleaned = clean(bodies.read(body.encode()))
    except Refused:
        return
    assert orjson.loads(bodies.write(cleaned))["resourceType"] == "Observation"


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ({"status": "bogus"}, "Observation.status"),
        ({"status": ["final"]}, "Observation.status"),
        ({"category": {"text": "x"}}, "Observation.category"),
        ({"subject": "Patient/p"}, "Observation.subject"),
        ({"subject": {"reference": "Dragon/d"}}, "Observation.subject"),
        ({"subject": {"reference": "urn:uuid:x"}}, "Observation.subject"),
        ({"component": [{"code": {}, "valueQuantity": {"value": "1"}}]}, "Observation.component.valueQuantity.value"),
        ({"issued": "2021-02-03"}, "Observation.issued"),
        ({"contained": [{"id": "x"}]}, "Observation.contained"),
        ({"contained": [{"resourceType": "Patient", "gender": "x"}]}, "Patient.gender"),
    ],
)
def test_a_refusal_names_the_element(resource: dict[str, Any], path: str) -> None:
    with pytest.raises(Refused) as refused:
        clean({"resourceType": "Observation", **resource})
    assert (refused.value.status, refused.value.expression) == (400, path)


def test_references_are_collected_with_their_paths() -> None:
    resource = {
        "resourceType": "AdverseEvent",
        "study": [{"reference": "ResearchStudy/r"}],
        "subject": {"reference": "Patient/p/_history/2"},
        "suspectEntity": [{"instance": {"reference": "MedicationAdministration/m"}}],
        "extension": [{"url": "u", "valueReference": {"reference": "#inside"}}],
        "location": {"display": "no reference"},
    }
    assert sorted(bodies.clean(resource, lambda text, path: text)[1]) == [
        ("AdverseEvent.study", "ResearchStudy", "r"),
        ("AdverseEvent.subject", "Patient", "p"),
        ("AdverseEvent.suspectEntity.instance", "MedicationAdministration", "m"),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "21", "2021-13", "2021-00", "2021-02-30", "2021-2-3", "0000", "2021-02-03T24:00:00Z", "2021-02-03T10:60:00Z",
     "2021-02-03T10:00:00+15:00", "2021-02-03 10:00:00Z", "2021-02-03T10:00:00.Z", "2021-02T10:00:00Z", "２０２１"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert primitives.span(text) is None


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2021", "2021-01-01T00:00:00+00:00", "2022-01-01T00:00:00+00:00"),
        ("2021-12", "2021-12-01T00:00:00+00:00", "2022-01-01T00:00:00+00:00"),
        ("2024-02", "2024-02-01T00:00:00+00:00", "2024-03-01T00:00:00+00:00"),
        ("2024-02-29", "2024-02-29T00:00:00+00:00", "2024-03-01T00:00:00+00:00"),
        ("2021-02-03T10:30Z", "2021-02-03T10:30:00+00:00", "2021-02-03T10:31:00+00:00"),
        ("2021-02-03T10:30:15+01:00", "2021-02-03T09:30:15+00:00", "2021-02-03T09:30:16+00:00"),
        ("2021-02-03T23:59:60Z", "2021-02-04T00:00:00+00:00", "2021-02-04T00:00:01+00:00"),
        ("1969-12-31T23:59:59.5-05:30", "1970-01-01T05:29:59.500+00:00", "1970-01-01T05:29:59.501+00:00"),
        ("2021-02-03T10:30:15.123456Z", "2021-02-03T10:30:15.123+00:00", "2021-02-03T10:30:15.124+00:00"),
    ],
)
def test_spans(text: str, first: str, after: str) -> None:
    covered = primitives.span(text)
    assert covered is not None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert tuple(epoch + timedelta(milliseconds=edge) for edge in covered) == (
        datetime.fromisoformat(first),
        datetime.fromisoformat(after),
    )


def test_the_last_year_has_an_end() -> None:
    covered = primitives.span("9999")
    assert covered is not None
    assert covered[0] < covered[1]

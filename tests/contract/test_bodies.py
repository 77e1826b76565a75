"""What a body may hold, what is refused, what is dropped, and that the rest stays as it was written."""

from __future__ import annotations

import json

import pytest

from tests.contract.rest import Fhir, Resource, no_id, refusal


def test_numbers_and_partial_dates_stay_as_written(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    body = json.dumps(fhir.observation(effectiveDateTime="2021-03", valueQuantity={"value": 0, "unit": "g/L"}))
    sent = body.replace('"value": 0', '"value": 1.50')
    path = f"Observation/{fhir.id('o')}"
    assert '"value":1.50' in fhir.send("PUT", path, sent).text.replace(" ", "")
    for text in (fhir.get(path).text, fhir.get(f"Observation?_id={fhir.id('o')}").text):
        assert '"value":1.50' in text.replace(" ", "")
        assert '"effectiveDateTime":"2021-03"' in text.replace(" ", "")
    assert fhir.send("PUT", path, sent).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("number", ["1.5", "1.500"])
def test_another_spelling_of_a_number_is_another_body(fhir: Fhir, number: str) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    body, path = json.dumps(fhir.observation(valueQuantity={"value": 0})), f"Observation/{fhir.id('o')}"
    fhir.ok(fhir.send("PUT", path, body.replace('"value": 0', '"value": 1.50')))
    response = fhir.send("PUT", path, body.replace('"value": 0', f'"value": {number}'))
    assert response.headers["ETag"] == 'W/"2"'
    assert f'"value":{number}' in response.text.replace(" ", "")


def test_text_beyond_ascii_stays(fhir: Fhir) -> None:
    name = [{"text": "Zoë Müller-Ørsted 患者 🧬"}]
    fhir.ok(fhir.put(fhir.patient(name=name)))
    assert fhir.ok(fhir.get(f"Patient/{fhir.id('p')}"))["name"] == name


def test_unknown_elements_are_dropped_without_a_word(fhir: Fhir) -> None:
    body = fhir.patient(active=True, wat=1, contact=[{"name": {"text": "x", "wat": {"a": 1}}}])
    assert fhir.put(body).status_code == 201
    read = fhir.ok(fhir.get(f"Patient/{fhir.id('p')}"))
    assert "wat" not in read
    assert read["contact"] == [{"name": {"text": "x"}}]
    assert fhir.put(fhir.patient(active=True, wat=2, contact=read["contact"])).headers["ETag"] == 'W/"1"'


def test_extensions_and_contained_resources_stay(fhir: Fhir) -> None:
    extension = [{"url": "https://contract.example.org/x", "valueString": "y"}]
    body = fhir.patient(
        extension=extension,
        birthDate="1980",
        _birthDate={"extension": extension},
        contained=[{"resourceType": "Organization", "id": "org", "name": "n"}],
        managingOrganization={"reference": "#org"},
    )
    fhir.ok(fhir.put(body))
    read = fhir.ok(fhir.get(f"Patient/{fhir.id('p')}"))
    assert {name: value for name, value in read.items() if name != "meta"} == body


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "bogus"},
        {"effectiveDateTime": "2021-13-45"},
        {"effectiveDateTime": "2021-02-30"},
        {"effectiveDateTime": "yesterday"},
        {"effectivePeriod": {"start": "2021-02-30"}},
        {"issued": "2021-02-03T25:00:00Z"},
        {"valueQuantity": {"value": 1, "comparator": "~"}},
        {"valueBoolean": "maybe"},
    ],
    ids=lambda wrong: next(iter(wrong)) + "=" + str(next(iter(wrong.values()))),
)
def test_wrong_codes_and_impossible_dates_are_refused_with_their_element(fhir: Fhir, wrong: Resource) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    element, value = next(iter(wrong.items()))
    said = refusal(fhir.put(fhir.observation(**wrong)), 400)
    assert (next(reversed(value)) if isinstance(value, dict) else element) in said
    refusal(fhir.get(f"Observation/{fhir.id('o')}"), 404)


@pytest.mark.parametrize(
    ("type_", "element"),
    [
        ("ResearchStudy", "status"),
        ("ResearchSubject", "status"),
        ("Patient", "gender"),
        ("Consent", "status"),
        ("Encounter", "status"),
        ("MedicationAdministration", "status"),
        ("Observation", "status"),
        ("AdverseEvent", "actuality"),
        ("CodeSystem", "content"),
    ],
)
def test_each_type_has_its_required_codes(fhir: Fhir, type_: str, element: str) -> None:
    assert element in refusal(fhir.post({"resourceType": type_, element: "bogus"}), 400)


@pytest.mark.parametrize("identity", ["123", "a_b", "a" * 65], ids=["digits only", "underscore", "65 characters"])
def test_ids_that_no_client_may_choose(fhir: Fhir, identity: str) -> None:
    refusal(fhir.put(fhir.patient() | {"id": identity}), 400)


def test_the_body_must_be_what_the_url_says(fhir: Fhir) -> None:
    path = f"Patient/{fhir.id('p')}"
    refusal(fhir.put(no_id(fhir.patient()), path), 400)
    refusal(fhir.put(fhir.patient() | {"id": "other"}, path), 400)
    refusal(fhir.put(fhir.observation("p"), path), 400)
    refusal(fhir.post(fhir.observation(), "Patient"), 400)
    refusal(fhir.get(path), 404)


@pytest.mark.parametrize("body", ["", "{", "[]", '"text"', '{"resourceType":', '{"id": "x"}', "<Patient/>"])
def test_what_is_no_resource_is_refused(fhir: Fhir, body: str) -> None:
    refusal(fhir.send("POST", "Patient", body), 400)


def test_a_body_that_does_not_say_it_is_fhir_is_refused(fhir: Fhir) -> None:
    refusal(fhir.send("POST", "Patient", "hello", Content_Type="text/plain"), 400, 415)


def test_a_reference_to_a_missing_resource_is_refused_with_its_path(fhir: Fhir) -> None:
    assert "Observation.subject" in refusal(fhir.put(fhir.observation("o", "nobody")), 400)
    refusal(fhir.get(f"Observation/{fhir.id('o')}"), 404)


def test_a_reference_to_a_deleted_resource_is_refused_with_its_path(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    assert fhir.delete(f"Patient/{fhir.id('p')}").is_success
    assert "Observation.subject" in refusal(fhir.put(fhir.observation()), 400)


def test_a_reference_to_another_server_is_refused(fhir: Fhir) -> None:
    reference = {"reference": "https://other.example.org/fhir/Patient/1"}
    refusal(fhir.put(fhir.observation(subject=reference)), 400)


def test_tags_and_labels_stay_until_the_snapshot_mode_says_otherwise(fhir: Fhir) -> None:
    def meta() -> Resource:
        kept: Resource = fhir.ok(fhir.get(f"Patient/{fhir.id('p')}"))["meta"]
        return {name: kept[name] for name in ("tag", "security", "profile") if name in kept}

    a, b, label = ({"system": fhir.system, "code": code} for code in ("a", "b", "label"))
    fhir.ok(fhir.put(fhir.patient(meta={"tag": [a], "security": [label], "profile": ["https://x.example/p"]})))
    fhir.ok(fhir.put(fhir.patient(active=True)))
    assert meta() == {"tag": [a], "security": [label]}
    assert fhir.put(fhir.patient(active=True)).headers["ETag"] == 'W/"2"'
    fhir.ok(fhir.put(fhir.patient(active=True, meta={"tag": [b]})))
    assert sorted(tag["code"] for tag in meta()["tag"]) == ["a", "b"]
    assert fhir.search("Patient", _tag=f"{fhir.system}|b")["total"] == 1
    mode = "TAG,PROFILE,SECURITY_LABEL"
    fhir.ok(fhir.put(fhir.patient(active=True, meta={"tag": [b]}), X_Meta_Snapshot_Mode=mode))
    assert meta() == {"tag": [b]}
    fhir.ok(fhir.bundle(fhir.put_entry(fhir.patient(active=True)), X_Meta_Snapshot_Mode=mode))
    assert meta() == {}
    assert fhir.search("Patient", _tag=f"{fhir.system}|b")["total"] == 0

"""Conditional create and update: none, one and two matches."""

from __future__ import annotations

from tests.contract.rest import Fhir, no_id, refusal, version_of


def test_conditional_create_creates_once(fhir: Fhir) -> None:
    condition = f"identifier={fhir.system}|p"
    first = fhir.post(no_id(fhir.patient()), If_None_Exist=condition)
    assert first.status_code == 201
    second = fhir.post(no_id(fhir.patient(active=True)), If_None_Exist=condition)
    assert second.status_code == 200
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["ETag"] == 'W/"1"'
    assert "active" not in fhir.ok(fhir.get(f"Patient/{first.json()['id']}"))
    assert fhir.search("Patient", identifier=f"{fhir.system}|p")["total"] == 1


def test_conditional_create_takes_the_type_before_the_query(fhir: Fhir) -> None:
    condition = f"Patient?identifier={fhir.system}|p"
    assert fhir.post(no_id(fhir.patient()), If_None_Exist=condition).status_code == 201
    assert fhir.post(no_id(fhir.patient()), If_None_Exist=condition).status_code == 200


def test_conditional_create_with_two_matches_is_refused(fhir: Fhir) -> None:
    for _ in range(2):
        fhir.ok(fhir.post(no_id(fhir.patient())))
    refusal(fhir.post(no_id(fhir.patient()), If_None_Exist=f"identifier={fhir.system}|p"), 412)
    assert fhir.search("Patient", identifier=f"{fhir.system}|p")["total"] == 2


def test_a_deleted_match_is_no_match(fhir: Fhir) -> None:
    condition = f"identifier={fhir.system}|p"
    first = fhir.post(no_id(fhir.patient()), If_None_Exist=condition)
    assert fhir.delete(f"Patient/{first.json()['id']}").is_success
    assert fhir.post(no_id(fhir.patient()), If_None_Exist=condition).status_code == 201


def test_conditional_update_creates_then_updates(fhir: Fhir) -> None:
    path = f"Patient?identifier={fhir.system}%7Cp"
    created = fhir.put(no_id(fhir.patient()), path)
    assert created.status_code == 201
    updated = fhir.put(no_id(fhir.patient(active=True)), path)
    assert updated.status_code == 200
    assert updated.headers["ETag"] == 'W/"2"'
    assert updated.json()["id"] == created.json()["id"]
    again = fhir.put(no_id(fhir.patient(active=True)), path)
    assert (again.status_code, again.headers["ETag"]) == (200, 'W/"2"')


def test_conditional_update_with_two_matches_is_refused(fhir: Fhir) -> None:
    for _ in range(2):
        fhir.ok(fhir.post(no_id(fhir.patient())))
    refusal(fhir.put(no_id(fhir.patient(active=True)), f"Patient?identifier={fhir.system}%7Cp"), 412)


def test_a_condition_with_an_unknown_parameter_is_refused(fhir: Fhir) -> None:
    """A server that ignored it would match everything."""
    refusal(fhir.post(no_id(fhir.patient()), If_None_Exist="dragon=1"), 400)
    refusal(fhir.put(no_id(fhir.patient()), "Patient?dragon=1"), 400)


def test_conditions_inside_a_transaction(fhir: Fhir) -> None:
    def once() -> list[tuple[str, str]]:
        answer = fhir.ok(
            fhir.bundle(
                fhir.post_entry(no_id(fhir.patient("a")), ifNoneExist=f"Patient?identifier={fhir.system}|a"),
                {
                    "resource": no_id(fhir.patient("b", active=True)),
                    "request": {"method": "PUT", "url": f"Patient?identifier={fhir.system}|b"},
                },
            )
        )
        responses = [entry["response"] for entry in answer["entry"]]
        return [(response["status"][:3], version_of(response["etag"])) for response in responses]

    assert once() == [("201", "1"), ("201", "1")]
    assert once() == [("200", "1"), ("200", "1")]
    assert fhir.search("Patient", identifier=f"{fhir.system}|")["total"] == 2


def test_two_matches_inside_a_transaction_undo_it(fhir: Fhir) -> None:
    for _ in range(2):
        fhir.ok(fhir.post(no_id(fhir.patient("two"))))
    condition = f"Patient?identifier={fhir.system}|two"
    other = fhir.put_entry(fhir.patient("other"))
    refusal(fhir.bundle(other, fhir.post_entry(no_id(fhir.patient("two")), ifNoneExist=condition)), 412)
    refusal(fhir.get(f"Patient/{fhir.id('other')}"), 404)


def test_a_conditional_reference_finds_its_target(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    reference = {"reference": f"Patient?identifier={fhir.system}|p"}
    fhir.ok(fhir.bundle(fhir.put_entry(fhir.observation(subject=reference))))
    read = fhir.ok(fhir.get(f"Observation/{fhir.id('o')}"))
    assert read["subject"] == {"reference": f"Patient/{fhir.id('p')}"}
    nobody = {"reference": f"Patient?identifier={fhir.system}|nobody"}
    refusal(fhir.bundle(fhir.put_entry(fhir.observation(subject=nobody))), 400, 404, 412)

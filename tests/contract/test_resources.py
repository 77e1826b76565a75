"""Create, read, update, delete, versions and history of one resource."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest

from tests.contract.rest import Fhir, ids, link, no_id, refusal, version_of


def test_create_gives_an_id_a_version_and_a_place(fhir: Fhir) -> None:
    response = fhir.post(no_id(fhir.patient(active=True)))
    body = fhir.ok(response)
    assert response.status_code == 201
    assert response.headers["ETag"] == 'W/"1"'
    assert response.headers["Location"] == f"{fhir.base}/Patient/{body['id']}/_history/1"
    assert body["meta"]["versionId"] == "1"
    updated = datetime.fromisoformat(body["meta"]["lastUpdated"])
    assert updated.tzinfo is not None
    assert parsedate_to_datetime(response.headers["Last-Modified"]) == updated.replace(microsecond=0)
    read = fhir.ok(fhir.get(f"Patient/{body['id']}"))
    assert read | {"meta": body["meta"]} == body
    assert read["meta"]["lastUpdated"] == body["meta"]["lastUpdated"]


def test_create_ignores_the_id_of_the_body(fhir: Fhir) -> None:
    assert fhir.ok(fhir.post(fhir.patient()))["id"] != fhir.id("p")


def test_put_with_a_client_id_creates_then_updates(fhir: Fhir) -> None:
    created = fhir.put(fhir.patient(active=True))
    assert created.status_code == 201
    assert created.headers["ETag"] == 'W/"1"'
    assert created.headers["Content-Location"] == f"{fhir.base}/Patient/{fhir.id('p')}/_history/1"
    updated = fhir.put(fhir.patient(active=False))
    assert updated.status_code == 200
    assert updated.headers["ETag"] == 'W/"2"'
    read = fhir.get(f"Patient/{fhir.id('p')}")
    assert read.headers["ETag"] == 'W/"2"'
    assert read.json()["active"] is False
    assert read.json()["meta"]["versionId"] == "2"


def test_put_of_an_equal_body_writes_nothing(fhir: Fhir) -> None:
    before = fhir.ok(fhir.put(fhir.patient(active=True, gender="female")))
    again = fhir.put(fhir.patient(gender="female", active=True))
    assert again.status_code == 200
    assert again.headers["ETag"] == 'W/"1"'
    assert again.json()["meta"]["lastUpdated"] == before["meta"]["lastUpdated"]
    sent_back = fhir.put(fhir.ok(fhir.get(f"Patient/{fhir.id('p')}")))
    assert sent_back.headers["ETag"] == 'W/"1"'
    assert fhir.ok(fhir.get(f"Patient/{fhir.id('p')}/_history"))["total"] == 1


def test_if_match_lets_the_current_version_through_and_no_other(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    assert fhir.put(fhir.patient(active=True), If_Match='W/"1"').status_code == 200
    refusal(fhir.put(fhir.patient(active=False), If_Match='W/"1"'), 409, 412)
    refusal(fhir.put(fhir.patient(active=True), If_Match='W/"1"'), 409, 412)
    read = fhir.ok(fhir.get(f"Patient/{fhir.id('p')}"))
    assert (read["meta"]["versionId"], read["active"]) == ("2", True)


def test_if_match_does_not_stop_a_create(fhir: Fhir) -> None:
    """Whoever relies on If-Match must look whether the resource is still there."""
    assert fhir.put(fhir.patient(), If_Match='W/"7"').status_code == 201


@pytest.mark.parametrize(
    ("prefer", "resource_type"),
    [("return=minimal", None), ("return=representation", "Patient"), ("return=OperationOutcome", "OperationOutcome")],
)
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_prefer_chooses_the_answer(fhir: Fhir, method: str, prefer: str, resource_type: str | None) -> None:
    send = fhir.put if method == "PUT" else fhir.post
    response = send(fhir.patient(), Prefer=prefer)
    assert response.status_code == 201
    assert response.headers["ETag"] == 'W/"1"'
    if resource_type is None:
        assert response.content == b""
    else:
        assert response.json()["resourceType"] == resource_type


def test_every_version_can_be_read(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient(active=True)))
    fhir.ok(fhir.put(fhir.patient(active=False)))
    first = fhir.get(f"Patient/{fhir.id('p')}/_history/1")
    assert first.headers["ETag"] == 'W/"1"'
    assert first.json()["active"] is True
    assert fhir.ok(fhir.get(f"Patient/{fhir.id('p')}/_history/2"))["active"] is False
    refusal(fhir.get(f"Patient/{fhir.id('p')}/_history/9"), 404)


def test_history_of_an_instance_is_newest_first_and_names_the_requests(fhir: Fhir) -> None:
    path = f"Patient/{fhir.id('p')}"
    fhir.ok(fhir.put(fhir.patient(active=True)))
    fhir.ok(fhir.put(fhir.patient(active=False)))
    assert fhir.delete(path).is_success
    history = fhir.ok(fhir.get(f"{path}/_history"))
    assert (history["resourceType"], history["type"], history["total"]) == ("Bundle", "history", 3)
    deleted, second, first = history["entry"]
    assert deleted["request"]["method"] == "DELETE"
    assert "resource" not in deleted
    assert [version_of(entry["response"]["etag"]) for entry in history["entry"]] == ["3", "2", "1"]
    assert [entry["resource"]["meta"]["versionId"] for entry in (second, first)] == ["2", "1"]
    assert second["request"]["method"] == "PUT"
    assert all(entry["fullUrl"] == f"{fhir.base}/{path}" for entry in history["entry"])


def test_history_comes_in_pages(fhir: Fhir) -> None:
    for number in range(5):
        fhir.ok(fhir.put(fhir.patient(birthDate=f"200{number}")))
    page = fhir.ok(fhir.get(f"Patient/{fhir.id('p')}/_history?_count=2"))
    versions = []
    while True:
        versions += [entry["resource"]["meta"]["versionId"] for entry in page["entry"]]
        following = link(page, "next")
        if following is None:
            break
        page = fhir.ok(fhir.http.get(following))
    assert versions == ["5", "4", "3", "2", "1"]


def test_history_of_a_type_since_an_instant(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient("old")))
    since = fhir.ok(fhir.put(fhir.patient("new")))["meta"]["lastUpdated"]
    fhir.ok(fhir.put(fhir.patient("new", active=True)))
    history = fhir.ok(fhir.http.get(f"{fhir.base}/Patient/_history", params={"_since": since, "_count": "100"}))
    own = [name for name in ids(history) if name.endswith(fhir.own)]
    assert own in ([fhir.id("new")] * 2, [*[fhir.id("new")] * 2, fhir.id("old")])
    assert own[:2] == [fhir.id("new")] * 2


def test_a_deleted_resource_is_gone_and_can_come_back(fhir: Fhir) -> None:
    path = f"Patient/{fhir.id('p')}"
    fhir.ok(fhir.put(fhir.patient(active=True)))
    assert fhir.delete(path).status_code in (200, 204)
    gone = fhir.get(path)
    refusal(gone, 410)
    assert gone.headers["Location"] == f"{fhir.base}/{path}/_history/2"
    refusal(fhir.get(f"{path}/_history/2"), 410)
    assert fhir.ok(fhir.get(f"{path}/_history/1"))["active"] is True
    assert fhir.search("Patient", _id=fhir.id("p"))["total"] == 0
    back = fhir.put(fhir.patient(active=True))
    assert back.status_code == 201
    assert int(version_of(back.headers["ETag"])) > 2
    assert fhir.ok(fhir.get(path))["active"] is True
    assert fhir.search("Patient", _id=fhir.id("p"))["total"] == 1


def test_deleting_what_is_not_there_is_no_error(fhir: Fhir) -> None:
    assert fhir.delete(f"Patient/{fhir.id('never')}").status_code in (200, 204)


def test_what_others_refer_to_cannot_be_deleted(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    fhir.ok(fhir.put(fhir.observation()))
    refusal(fhir.delete(f"Patient/{fhir.id('p')}"), 409)
    assert fhir.get(f"Patient/{fhir.id('p')}").status_code == 200
    assert fhir.delete(f"Observation/{fhir.id('o')}").is_success
    assert fhir.delete(f"Patient/{fhir.id('p')}").is_success


def test_an_update_that_drops_the_reference_frees_its_target(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    fhir.ok(fhir.put(fhir.observation()))
    fhir.ok(fhir.put({k: v for k, v in fhir.observation().items() if k != "subject"}))
    assert fhir.delete(f"Patient/{fhir.id('p')}").is_success


def test_unknown_ids_and_types_are_not_found(fhir: Fhir) -> None:
    refusal(fhir.get(f"Patient/{fhir.id('nobody')}"), 404)
    refusal(fhir.get(f"Patient/{fhir.id('nobody')}/_history"), 404)
    refusal(fhir.get("Dragon/1"), 404)
    refusal(fhir.get("Dragon"), 404)
    refusal(fhir.send("PUT", "Dragon/d1", '{"resourceType": "Dragon", "id": "d1"}'), 404)

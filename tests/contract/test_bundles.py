"""Transactions are one; entries of a batch are each their own."""

from __future__ import annotations

import uuid

import pytest

from tests.contract.rest import Fhir, no_id, refusal, version_of


def test_a_transaction_answers_in_the_order_of_its_entries(fhir: Fhir) -> None:
    answer = fhir.ok(
        fhir.bundle(
            fhir.put_entry(fhir.observation()),  # refers forward
            fhir.put_entry(fhir.patient()),
            fhir.post_entry(no_id(fhir.observation("posted"))),
        )
    )
    assert (answer["resourceType"], answer["type"]) == ("Bundle", "transaction-response")
    responses = [entry["response"] for entry in answer["entry"]]
    assert [response["status"][:3] for response in responses] == ["201"] * 3
    assert [version_of(response["etag"]) for response in responses] == ["1"] * 3
    assert responses[0]["location"].endswith(f"Observation/{fhir.id('o')}/_history/1")
    assert responses[1]["location"].endswith(f"Patient/{fhir.id('p')}/_history/1")
    assert "Observation/" in responses[2]["location"]
    assert fhir.search("Observation", patient=fhir.id("p"))["total"] == 2


def test_equal_bodies_in_a_transaction_write_nothing(fhir: Fhir) -> None:
    entries = [fhir.put_entry(fhir.patient()), fhir.put_entry(fhir.observation())]
    fhir.ok(fhir.bundle(*entries))
    answer = fhir.ok(fhir.bundle(*entries))
    assert [(e["response"]["status"][:3], version_of(e["response"]["etag"])) for e in answer["entry"]] == [
        ("200", "1")
    ] * 2


@pytest.mark.parametrize(("prefer", "given"), [("return=minimal", False), ("return=representation", True)])
def test_prefer_chooses_whether_resources_come_back(fhir: Fhir, prefer: str, given: bool) -> None:
    answer = fhir.ok(fhir.bundle(fhir.put_entry(fhir.patient()), Prefer=prefer))
    assert ("resource" in answer["entry"][0]) is given


@pytest.mark.parametrize(
    "wrong",
    [{"status": "bogus"}, {"effectiveDateTime": "2021-02-30"}, {"subject": {"reference": "Patient/nobody-at-all"}}],
    ids=["code", "date", "reference"],
)
def test_one_wrong_entry_undoes_all(fhir: Fhir, wrong: dict[str, object]) -> None:
    fhir.ok(fhir.put(fhir.patient("kept")))
    entries = [
        fhir.put_entry(fhir.patient()),
        fhir.put_entry(fhir.patient("kept", active=True)),
        fhir.put_entry(fhir.observation() | wrong),
        fhir.put_entry(fhir.observation("after")),
    ]
    refusal(fhir.bundle(*entries), 400)
    for path in (f"Patient/{fhir.id('p')}", f"Observation/{fhir.id('o')}", f"Observation/{fhir.id('after')}"):
        refusal(fhir.get(path), 404)
    assert fhir.ok(fhir.get(f"Patient/{fhir.id('kept')}"))["meta"]["versionId"] == "1"
    assert fhir.search("Patient", identifier=f"{fhir.system}|")["total"] == 1
    assert fhir.ok(fhir.bundle(*entries[:2]))["type"] == "transaction-response"


def test_a_stale_if_match_undoes_the_transaction(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    fhir.ok(fhir.put(fhir.patient(active=True)))
    stale = fhir.put_entry(fhir.patient(active=False), ifMatch='W/"1"')
    refusal(fhir.bundle(fhir.put_entry(fhir.patient("other")), stale), 409, 412)
    refusal(fhir.get(f"Patient/{fhir.id('other')}"), 404)
    assert fhir.ok(fhir.get(f"Patient/{fhir.id('p')}"))["active"] is True
    fresh = fhir.put_entry(fhir.patient(active=False), ifMatch='W/"2"')
    assert version_of(fhir.ok(fhir.bundle(fresh))["entry"][0]["response"]["etag"]) == "3"


def test_the_same_id_twice_is_refused(fhir: Fhir) -> None:
    refusal(fhir.bundle(fhir.put_entry(fhir.patient()), fhir.put_entry(fhir.patient(active=True))), 400)
    refusal(fhir.get(f"Patient/{fhir.id('p')}"), 404)


def test_placeholders_become_the_ids_that_the_server_gave(fhir: Fhir) -> None:
    placeholder = f"urn:uuid:{uuid.uuid4()}"
    observation = no_id(fhir.observation(subject={"reference": placeholder}))
    condition = f"Patient?identifier={fhir.system}|p"
    patient = fhir.post_entry(no_id(fhir.patient()), placeholder, ifNoneExist=condition)
    subjects = []
    for _ in range(2):
        answer = fhir.ok(fhir.bundle(fhir.post_entry(observation), patient, Prefer="return=representation"))
        subjects.append(answer["entry"][0]["resource"]["subject"]["reference"])
    assert subjects[0] == subjects[1]
    assert fhir.search("Patient", identifier=f"{fhir.system}|p")["entry"][0]["resource"]["id"] in subjects[0]
    lost = no_id(fhir.observation(subject={"reference": f"urn:uuid:{uuid.uuid4()}"}))
    refusal(fhir.bundle(fhir.post_entry(lost)), 400)


def test_a_transaction_deletes_first(fhir: Fhir) -> None:
    fhir.ok(fhir.bundle(fhir.put_entry(fhir.patient()), fhir.put_entry(fhir.observation())))
    answer = fhir.ok(
        fhir.bundle(
            fhir.put_entry(fhir.patient("other")),
            {"request": {"method": "DELETE", "url": f"Patient/{fhir.id('p')}"}},
            {"request": {"method": "DELETE", "url": f"Observation/{fhir.id('o')}"}},
        )
    )
    assert [entry["response"]["status"][:3] for entry in answer["entry"]][1:] == ["204", "204"]
    assert fhir.get(f"Patient/{fhir.id('p')}").status_code == 410
    assert fhir.get(f"Observation/{fhir.id('o')}").status_code == 410


def test_a_transaction_may_not_delete_what_others_refer_to(fhir: Fhir) -> None:
    fhir.ok(fhir.bundle(fhir.put_entry(fhir.patient()), fhir.put_entry(fhir.observation())))
    delete = {"request": {"method": "DELETE", "url": f"Patient/{fhir.id('p')}"}}
    refusal(fhir.bundle(delete, fhir.put_entry(fhir.patient("other"))), 409)
    refusal(fhir.get(f"Patient/{fhir.id('other')}"), 404)


def test_a_transaction_reads_too(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient(active=True)))
    read = {"request": {"method": "GET", "url": f"Patient/{fhir.id('p')}"}}
    (entry,) = fhir.ok(fhir.bundle(read))["entry"]
    assert entry["response"]["status"][:3] == "200"
    assert entry["resource"]["active"] is True


def test_a_transaction_reads_last(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient(active=False)))
    read = {"request": {"method": "GET", "url": f"Patient/{fhir.id('p')}"}}
    answer = fhir.ok(fhir.bundle(read, fhir.put_entry(fhir.patient(active=True))))
    assert answer["entry"][0]["resource"]["active"] is True


def test_entries_of_a_batch_stand_alone(fhir: Fhir) -> None:
    answer = fhir.ok(
        fhir.bundle(
            fhir.put_entry(fhir.patient()),
            fhir.put_entry(fhir.observation("lost", "nobody")),
            {"request": {"method": "GET", "url": f"Patient/{fhir.id('p')}"}},
            {"request": {"method": "GET", "url": f"Patient/{fhir.id('nobody')}"}},
            {"request": {"method": "GET", "url": f"Patient?identifier={fhir.system}|p"}},
            fhir.put_entry(fhir.patient(active=True), ifMatch='W/"9"'),
            kind="batch",
        )
    )
    assert answer["type"] == "batch-response"
    statuses = [int(entry["response"]["status"][:3]) for entry in answer["entry"]]
    assert statuses[0] == 201
    assert statuses[1] == 400
    assert statuses[3] == 404
    assert statuses[4] == 200
    assert statuses[5] in (409, 412)
    assert "Observation.subject" in str(answer["entry"][1]["response"]["outcome"])
    assert answer["entry"][4]["resource"]["resourceType"] == "Bundle"
    assert fhir.get(f"Patient/{fhir.id('p')}").status_code == 200


@pytest.mark.parametrize("kind", ["collection", "document", "searchset"])
def test_other_bundles_are_not_run(fhir: Fhir, kind: str) -> None:
    refusal(fhir.bundle(fhir.put_entry(fhir.patient()), kind=kind), 400)
    refusal(fhir.get(f"Patient/{fhir.id('p')}"), 404)


def test_bundles_that_cannot_be_read_are_refused(fhir: Fhir) -> None:
    refusal(fhir.post(fhir.patient(), ""), 400)
    refusal(fhir.bundle({"resource": fhir.patient()}), 400)
    refusal(fhir.bundle({"resource": fhir.patient(), "request": {"method": "BREW", "url": "Patient"}}), 400)
    refusal(fhir.bundle({"request": {"method": "POST", "url": "Patient"}}), 400)


def test_an_empty_transaction_is_fine(fhir: Fhir) -> None:
    assert fhir.ok(fhir.bundle())["type"] == "transaction-response"


def test_a_hundred_entries_at_once(fhir: Fhir) -> None:
    patient = fhir.put_entry(fhir.patient())
    observations = [fhir.put_entry(fhir.observation(f"o{number}")) for number in range(99)]
    answer = fhir.ok(fhir.bundle(*observations, patient, Prefer="return=minimal"))
    assert {entry["response"]["status"][:3] for entry in answer["entry"]} == {"201"}
    counted = fhir.search("Observation", subject=f"Patient/{fhir.id('p')}", _summary="count")
    assert counted["total"] == 99

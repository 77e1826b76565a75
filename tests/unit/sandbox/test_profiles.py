"""What the sandbox plays is no more than what the servers declare of themselves, and what is declared is kept to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.sandbox.interactions import Work, conditional_update, create, delete, update
from fhir_msc.sandbox.metadata import statement
from fhir_msc.sandbox.outcome import Refused
from fhir_msc.sandbox.profiles import OWN, PROFILES, Profile
from fhir_msc.sandbox.store import Store
from fhir_msc.target.capabilities import Capabilities, read_capabilities
from fhir_msc.target.families import detect_family
from fhir_msc.target.fhirjson import parse


def declared(profile: Profile) -> Capabilities:
    return read_capabilities(parse(json.dumps(statement("http://x/fhir", "2026-01-01", profile)).encode()))


@pytest.mark.parametrize("name", PROFILES)
def test_each_is_known_by_its_name(name: str) -> None:
    assert detect_family(declared(PROFILES[name])) == name


@pytest.mark.shared
@pytest.mark.parametrize("name", ["epic", "oracle", "meditech"])
def test_nothing_is_played_that_the_server_does_not_declare(name: str) -> None:
    captured = read_capabilities(parse(Path(f"../shared/reference/capabilities/{name}.json").read_bytes()))
    played = declared(PROFILES[name])
    assert played.system_interactions == captured.system_interactions & {"transaction", "batch"}
    for type, ours in played.types.items():
        theirs = captured.types[type]
        assert ours.interactions <= theirs.interactions, type
        assert ours.can("create") is theirs.can("create"), type
        assert ours.can("update") is theirs.can("update"), type
        for parameter in ("identifier", "_tag"):
            assert ours.can_search(parameter) is theirs.can_search(parameter), (type, parameter)
        assert ours.conditional_create is theirs.conditional_create
        assert ours.conditional_update is theirs.conditional_update
        assert bool(ours.update_create) is bool(theirs.update_create)


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}], **more}


@pytest.fixture
def store() -> Store:
    return Store(None, lambda: 1_700_000_000_000)


def work(store: Store, name: str) -> Work:
    return Work(store, lambda: "given", PROFILES[name])


def status_of(action: Any) -> int:
    with pytest.raises(Refused) as refused:
        action()
    return refused.value.status


def test_a_server_that_gives_ids_takes_none(store: Store) -> None:
    with store.transaction():
        here = work(store, "google")
        assert status_of(lambda: update(here, "Patient", "mine", patient(id="mine"), None)) == 404
        assert create(here, "Patient", patient(), None, None).version.id == "given"
        assert update(here, "Patient", "given", patient(id="given", active=True), None).status == 200
        assert (
            conditional_update(here, "Patient", "identifier=urn:x|1", patient(active=False), None, None).status == 200
        )


def test_what_is_not_declared_is_refused(store: Store) -> None:
    with store.transaction():
        epic = work(store, "epic")
        created = create(epic, "Patient", patient(), None, None)
        assert created.status == 201
        assert status_of(lambda: update(epic, "Patient", created.version.id, patient(id="given"), None)) == 405
        assert status_of(lambda: create(epic, "Patient", patient(), "identifier=urn:x|1", None)) == 412
        assert status_of(lambda: delete(epic, "Patient", created.version.id)) == 405
        assert status_of(lambda: create(epic, "ResearchStudy", {"resourceType": "ResearchStudy"}, None, None)) == 405
        assert status_of(lambda: create(epic, "Basic", {"resourceType": "Basic"}, None, None)) == 404
        meditech = work(store, "meditech")
        assert status_of(lambda: create(meditech, "Patient", patient(), None, None)) == 405
    for kind in ("transaction", "batch"):
        assert status_of(lambda kind=kind: PROFILES["epic"].require_bundle(kind)) == 405
    assert status_of(lambda: PROFILES["oracle"].require_bundle("transaction")) == 405
    PROFILES["oracle"].require_bundle("batch")
    assert status_of(lambda: PROFILES["oracle"].require_search("Observation", ["identifier"])) == 400
    PROFILES["oracle"].require_search("Observation", ["patient", "_count"])


def test_the_sandbox_as_itself_declares_what_it_did_before() -> None:
    played = declared(OWN)
    assert all(type.update_create for type in played.types.values())
    assert played.system_interactions == {"transaction", "batch"}

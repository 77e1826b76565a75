"""One project, two targets: a research store that takes all, and a hospital's EHR that takes what it is allowed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from fhir_msc.access import Surroundings
from fhir_msc.config import read_project
from fhir_msc.pipeline import work
from fhir_msc.sandbox.profiles import PROFILES
from fhir_msc.sandbox.server import SandboxServer
from tests.support.hospital import Hospital
from tests.support.projects import fhir_msc
from tests.support.serverview import ServerView

TAKEN = {"Patient", "Observation"}
INTERVAL = 60.0


@pytest.fixture
def ehr() -> Iterator[str]:
    with SandboxServer(profile=PROFILES["epic"]) as server:
        yield server.base_url


@pytest.fixture
def hospital(ehr: str, tmp_path: Path) -> Iterator[Hospital]:
    with SandboxServer(profile=PROFILES["hapi"]) as store:
        scene = Hospital(tmp_path, store.base_url)
        config = scene.project / "fhir-msc.toml"
        config.write_text(
            config.read_text("utf-8").replace(
                "[worker]",
                f"""[targets.ehr]
url = "{ehr}"
role = "ehr"
identity = "fedcba9876543210"
sites = [{_sites(scene)}]
writable = ["Patient", "Observation"]

[worker]""",
            ),
            "utf-8",
        )
        with scene.view:
            yield scene


def _sites(scene: Hospital) -> str:
    """The sites of the participants, as the store's bodies name them."""
    return ", ".join(
        f'"{json.loads(body)["identifier"][-1]["value"]}"'
        for place, body in scene.bodies().items()
        if place.startswith("Location/")
    )


def test_each_target_gets_what_it_takes_under_ids_that_cannot_be_joined(hospital: Hospital, ehr: str) -> None:
    outcome = fhir_msc("sync", "--project", hospital.project, "--json")
    assert outcome.code == 0, outcome.out + outcome.err
    documents = outcome.document["targets"]
    assert set(documents) == {"main", "ehr"}

    here = hospital.view.everything()
    with ServerView(ehr) as view:
        there = view.everything()
    assert {place.partition("/")[0] for place in there} == TAKEN
    wanted = Counter(place.partition("/")[0] for place in here)
    assert Counter(place.partition("/")[0] for place in there) == {type: wanted[type] for type in TAKEN}
    names = [set(re.findall(r"[a-z][0-9a-f]{40}", "".join(bodies.values()))) for bodies in (here, there)]
    assert all(names)
    assert not names[0] & names[1]
    ids = {place.partition("/")[2] for place in there}
    for body in there.values():
        resource = json.loads(body)
        if resource["resourceType"] == "Observation":
            assert resource["subject"]["reference"].partition("/")[2] in ids
            assert "encounter" not in resource
    skipped = documents["ehr"]["skipped"]
    assert skipped["total"] > 0
    assert all(one["reason"] for one in skipped["first"])

    again = fhir_msc("sync", "--project", hospital.project, "--json").document["targets"]
    for document in again.values():
        delivery = document["delivery"] or {"created": 0, "updated": 0, "adopted": 0}
        assert not delivery["created"] + delivery["updated"] + delivery["adopted"]


def test_a_target_that_is_gone_does_not_keep_the_other_from_its_own(hospital: Hospital) -> None:
    config = hospital.project / "fhir-msc.toml"
    main = re.search(r'url = "(.*?)"', config.read_text("utf-8"))
    assert main is not None
    config.write_text(config.read_text("utf-8").replace(main[1], "http://127.0.0.1:9/fhir", 1), "utf-8")
    outcome = fhir_msc("sync", "--project", hospital.project, "--json")
    assert outcome.code == 5
    assert set(outcome.document["targets"]) == {"ehr"}
    assert outcome.document["targets"]["ehr"]["delivery"]["created"] > 0
    assert "127.0.0.1:9" in outcome.err


def test_each_target_that_is_gone_is_told(hospital: Hospital, ehr: str) -> None:
    config = hospital.project / "fhir-msc.toml"
    main = re.search(r'url = "(.*?)"', config.read_text("utf-8"))
    assert main is not None
    text = config.read_text("utf-8").replace(main[1], "http://127.0.0.1:9/fhir", 1)
    config.write_text(text.replace(ehr, "http://127.0.0.1:19/fhir"), "utf-8")
    outcome = fhir_msc("sync", "--project", hospital.project, "--json")
    assert (outcome.code, outcome.out) == (5, "")
    assert "127.0.0.1:9 " in outcome.err
    assert "127.0.0.1:19 " in outcome.err


def test_what_is_of_the_whole_project_wants_no_target(hospital: Hospital) -> None:
    assert fhir_msc("sync", "--project", hospital.project).code == 0
    for words in (("study",), ("audit", "verify"), ("status",)):
        outcome = fhir_msc(*words, "--project", hospital.project)
        assert outcome.code == 0, outcome.err


def test_what_looks_at_one_target_wants_its_name(hospital: Hospital) -> None:
    assert fhir_msc("sync", "--project", hospital.project).code == 0
    unnamed = fhir_msc("verify", "--project", hospital.project)
    assert unnamed.code == 2
    assert "--target is one of main, ehr" in unnamed.err
    assert fhir_msc("verify", "--project", hospital.project, "--target", "nobody").code == 2
    for name in ("main", "ehr"):
        found = fhir_msc("verify", "--project", hospital.project, "--target", name, "--json")
        assert found.code == 0, found.out + found.err
        assert found.document["read"] == found.document["same"] > 0
        assert fhir_msc("plan", "--project", hospital.project, "--target", name).code == 0
    assert fhir_msc("status", "--project", hospital.project).code == 0


def test_two_targets_of_one_identity_are_refused(hospital: Hospital) -> None:
    config = hospital.project / "fhir-msc.toml"
    text = config.read_text("utf-8")
    first = re.search(r'identity = "(.*?)"', text)
    assert first is not None
    config.write_text(text.replace("fedcba9876543210", first[1]), "utf-8")
    refused = fhir_msc("sync", "--project", hospital.project)
    assert refused.code == 2
    assert re.search(r"fhir-msc.toml:\d+: the identity of target main", refused.err)


def test_an_ehr_must_name_its_sites(hospital: Hospital) -> None:
    config = hospital.project / "fhir-msc.toml"
    config.write_text(re.sub(r"(?m)^sites = .*\n", "", config.read_text("utf-8")), "utf-8")
    refused = fhir_msc("sync", "--project", hospital.project)
    assert refused.code == 2
    assert "a target of role ehr must name its sites" in refused.err


def test_participants_of_other_sites_never_leave_for_it(hospital: Hospital, ehr: str) -> None:
    config = hospital.project / "fhir-msc.toml"
    config.write_text(re.sub(r"(?m)^sites = .*$", 'sites = ["99"]', config.read_text("utf-8")), "utf-8")
    assert fhir_msc("sync", "--project", hospital.project).code == 0
    with ServerView(ehr) as view:
        assert not view.everything()


def test_a_type_that_is_not_sent_is_no_word_of_a_target(hospital: Hospital) -> None:
    config = hospital.project / "fhir-msc.toml"
    config.write_text(config.read_text("utf-8").replace('"Patient", "Observation"', '"Patient", "Observaton"'), "utf-8")
    refused = fhir_msc("sync", "--project", hospital.project)
    assert refused.code == 2
    assert "did you mean 'Observation'?" in refused.err


class Stop:
    """Ends the worker after so many waits between two looks; waits for a server take no time."""

    def __init__(self, waits: int) -> None:
        self._left = waits

    def is_set(self) -> bool:
        return self._left <= 0

    def wait(self, timeout: float) -> bool:
        self._left -= timeout >= INTERVAL
        return self.is_set()


def test_the_worker_goes_to_each_target_and_one_that_fails_keeps_no_other_from_its_own(
    hospital: Hospital, ehr: str
) -> None:
    config = hospital.project / "fhir-msc.toml"
    main = re.search(r'url = "(.*?)"', config.read_text("utf-8"))
    assert main is not None
    text = config.read_text("utf-8")
    config.write_text(text.replace(main[1], "http://127.0.0.1:9/fhir", 1), "utf-8")
    with structlog.testing.capture_logs() as lines:
        assert work(read_project(hospital.project), Surroundings(stop=Stop(1), random=lambda: 0.0)) == 1
    with ServerView(ehr) as view:
        there = view.everything()
    assert {place.partition("/")[0] for place in there} == TAKEN
    assert [(line["target"], line["error"]) for line in lines if line["event"] == "target failed"] == [
        ("main", "TargetUnreachable")
    ]
    # Once it is there it gets its own, and the other is asked for nothing.
    config.write_text(text, "utf-8")
    assert work(read_project(hospital.project), Surroundings(stop=Stop(1), random=lambda: 0.0)) == 1
    assert len(hospital.view.everything()) > len(there)
    with ServerView(ehr) as view:
        assert view.everything() == there

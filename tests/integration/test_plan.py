"""A plan shows what a sync would do; a sync under it does that and nothing else, or leaves what has moved since."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.mapping.pack import find_pack
from fhir_msc.sandbox.server import SandboxServer
from tests.support.hospital import Hospital
from tests.support.projects import configure, fhir_msc

CREATININE, HAEMOGLOBIN, ALT = "2160-0", "718-7", "1742-6"


@pytest.fixture
def hospital(url: str, tmp_path: Path) -> Iterator[Hospital]:
    """After the first sync, without one result, to a target that is not given adverse events."""
    scene = Hospital(tmp_path, url)
    kinds = {place.partition("/")[0] for place in scene.desired()}
    assert "AdverseEvent" in kinds
    writable = json.dumps(sorted(kinds - {"AdverseEvent"}))
    configure(scene.project, r'^role = "store"$', f'role = "ehr"\nsites = ["01", "02", "03"]\nwritable = {writable}')
    scene.correct("lab_c3", "")
    scene.sync()
    with scene.view:
        yield scene


def planned(hospital: Hospital, *options: object, code: int = 0) -> Any:
    outcome = fhir_msc("plan", "--project", hospital.project, "--json", *options)
    assert outcome.code == code, outcome.out + outcome.err
    return outcome.document


def steps(plan: Any, action: str) -> list[str]:
    return [f"{step['type']}/{step['key']}" for step in plan["steps"] if step["action"] == action]


def test_exactly_what_it_shows(hospital: Hospital, tmp_path: Path) -> None:
    before = hospital.desired()
    theirs = hospital.observation(CREATININE, "0.91")
    ours = hospital.observation(HAEMOGLOBIN, "12.2")
    hospital.view.edit(theirs, lambda resource: resource.update(status="amended"))
    hospital.correct("lab_creatinine", "0.95")
    hospital.correct("lab_haemoglobin", "12.5")
    hospital.correct("lab_c3", "77")
    hospital.correct("lab_alt", "")
    after = hospital.desired()
    (new,) = after.keys() - before.keys()
    (gone,) = before.keys() - after.keys()
    skipped = [place for place in after if place.startswith("AdverseEvent/")]
    ledger = (hospital.project / "state" / "ledger.db").read_bytes()
    served = hospital.view.these(after)

    file = tmp_path / "plan.json"
    plan = planned(hospital, "--output", file, code=1)

    assert steps(plan, "create") == [new]
    assert steps(plan, "update") == [ours]
    assert steps(plan, "conflict") == [theirs]
    assert sorted(steps(plan, "skip")) == sorted(skipped)
    assert steps(plan, "wait") == steps(plan, "no-op") == []
    assert [f"{one['type']}/{one['key']}" for one in plan["vanished"]] == [gone]
    assert plan["unchanged"] == len(after) - 3 - len(skipped)
    assert {step["cause"] for step in plan["steps"] if step["action"] != "skip"} == {"source"}
    (update,) = [step for step in plan["steps"] if step["action"] == "update"]
    assert [field["path"] for field in update["fields"]] == ["valueQuantity.value"]
    assert update["version"] == "1"
    assert "12.5" not in json.dumps(plan)
    assert update["origins"]
    assert (hospital.project / "state" / "ledger.db").read_bytes() == ledger, "a plan leaves the ledger as it was"
    assert hospital.view.these(after) == served, "and the server"
    shown = planned(hospital, "--show-values", code=1)
    (update,) = [step for step in shown["steps"] if step["action"] == "update"]
    assert update["fields"] == [{"path": "valueQuantity.value", "server": "12.2", "desired": "12.5"}]

    # More comes in after the plan: it is not in it, and is not sent.
    hospital.correct("lab_c4", "33")
    outcome = fhir_msc("sync", "--project", hospital.project, "--plan", file, "--json")
    assert outcome.code == 0, outcome.err  # the conflict is not in the plan
    delivery = outcome.document["delivery"]
    assert (delivery["created"], delivery["updated"], delivery["adopted"], delivery["moved"]) == (1, 1, 0, [])
    there = hospital.view.these(after)
    assert there[new][1] == after[new]
    assert there[ours] == ("2", after[ours])
    assert there[theirs] == served[theirs]
    assert len(steps(planned(hospital, code=1), "update")) == 1
    hospital.sync(code=1)
    assert steps(planned(hospital, code=1), "update") == []


def test_what_moved_since_is_left_and_named(hospital: Hospital, tmp_path: Path) -> None:
    on_server = hospital.observation(CREATININE, "0.91")
    in_source = hospital.observation(HAEMOGLOBIN, "12.2")
    hospital.correct("lab_creatinine", "0.95")
    hospital.correct("lab_haemoglobin", "12.5")
    hospital.correct("lab_alt", "31")
    file = tmp_path / "plan.json"
    assert len(steps(planned(hospital, "--output", file), "update")) == 3

    label = {"system": "urn:hospital", "code": "seen"}
    hospital.view.edit(on_server, lambda resource: resource["meta"].setdefault("tag", []).append(label))
    hospital.correct("lab_haemoglobin", "12.6")
    outcome = fhir_msc("sync", "--project", hospital.project, "--plan", file, "--json")

    assert outcome.code == 1
    delivery = outcome.document["delivery"]
    assert (delivery["created"], delivery["updated"]) == (0, 1)
    assert {one["key"]: one["reason"] for one in delivery["moved"]} == {
        on_server.partition("/")[2]: "the server changed since the plan was made",
        in_source.partition("/")[2]: "the source, the pack or the config changed since the plan was made",
    }
    told = fhir_msc("sync", "--project", hospital.project, "--plan", file)
    assert "2 of the plan not sent" in told.out
    # A plain sync takes them.
    assert hospital.sync()["delivery"]["updated"] == 2


def test_a_first_plan_names_all_and_a_sync_of_it_sends_all(tmp_path: Path) -> None:
    with SandboxServer() as server:
        scene = Hospital(tmp_path, server.base_url)
        wanted = scene.desired()
        file = tmp_path / "plan.json"
        plan = planned(scene, "--output", file)
        assert sorted(steps(plan, "create")) == sorted(wanted)
        assert fhir_msc("plan", "--project", scene.project).code == 0
        assert fhir_msc("sync", "--project", scene.project, "--plan", file).code == 0
        with scene.view:
            assert scene.stored() == wanted
        assert planned(scene)["steps"] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{", "this is no plan"),
        ('{"format": "fhir-msc plan 1"}', "this is no plan"),
        ('{"format": "fhir-msc plan 1", "project": "another", "steps": []}', "of another project or target"),
    ],
)
def test_what_is_no_plan(content: str | None, said: str, tmp_path: Path) -> None:
    scene = Hospital(tmp_path, "http://127.0.0.1:9/fhir")
    file = tmp_path / "plan.json"
    if content is not None:
        file.write_text(content)
    outcome = fhir_msc("sync", "--project", scene.project, "--plan", file)
    assert outcome.code == 2
    assert said in outcome.err
    assert "fhir-msc plan --output" in outcome.err


def test_another_pack_does_not_rewrite_a_target_unasked(tmp_path: Path) -> None:
    with SandboxServer() as server:
        scene = Hospital(tmp_path, server.base_url)
        shutil.copytree(find_pack("misle-redcap", scene.project), scene.project / "pack")
        configure(scene.project, r'^pack = ".*"$', 'pack = "./pack"')
        scene.sync()
        visits = scene.project / "pack" / "participants.yaml"
        visits.write_text(visits.read_text("utf-8") + "\n# another pack\n", "utf-8")
        scene.sync()  # which gives the same bodies

        laboratory = scene.project / "pack" / "laboratory.csv"
        text = laboratory.read_text("utf-8")
        laboratory.write_text(text.replace("loinc,", "http://loinc.example.org,"), "utf-8")
        assert laboratory.read_text("utf-8") != text
        refused = fhir_msc("sync", "--project", scene.project)
        assert refused.code == 2, refused.out
        assert "would be rewritten" in refused.err
        assert "pack" in refused.err
        plan = planned(scene)
        assert {step["cause"] for step in plan["steps"]} == {"pack"}
        assert len(steps(plan, "update")) > len(scene.desired()) // 10
        again = fhir_msc("sync", "--project", scene.project, "--rewrite", "--json")
        assert again.document["delivery"]["updated"] == len(steps(plan, "update"))
        assert again.code == 0

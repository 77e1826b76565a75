"""A target's url changes, or its name: the server moved, or it is another one, which must not be taken for it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from fhir_msc.access import Surroundings, looked_at
from fhir_msc.config import read_project
from fhir_msc.pipeline import work
from fhir_msc.sandbox.profiles import OWN, PROFILES, Profile
from fhir_msc.sandbox.server import SandboxServer
from fhir_msc.sync.tables import audit
from tests.support.projects import configure, fhir_msc, new_project
from tests.support.tinystudy import DESIRED, edited, tiny_study, without_row, write_study


@dataclass
class Moving:
    """A project that was delivered to one server, and another server that it was never delivered to."""

    project: Path
    export: Path
    here: str
    there: str

    def sync(self, *options: object, code: int = 0) -> Any:
        outcome = fhir_msc("sync", "--project", self.project, "--json", *options)
        assert outcome.code == code, outcome.out + outcome.err
        return outcome.document if code in (0, 1) else outcome.err

    def go(self, url: str) -> None:
        configure(self.project, '^url = ".*"$', f'url = "{url}"')

    def correct(self) -> None:
        study = tiny_study()
        write_study(self.export, study | {"LB": edited(study["LB"], 1, LBORRES="4.4")})


@pytest.fixture(params=["own", "google"])
def moving(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Moving]:
    profile: Profile = OWN if request.param == "own" else PROFILES[request.param]
    export = write_study(tmp_path / "export", tiny_study())
    with SandboxServer(profile=profile) as here, SandboxServer(profile=profile) as there:
        project = new_project(tmp_path / "project", "sdtm", export, here.base_url, "--zone", "UTC")
        found = Moving(project, export, here.base_url, there.base_url)
        found.sync()
        yield found


def counted(url: str) -> dict[str, int]:
    """What the server has, by type."""
    totals = {type: httpx.get(f"{url}/{type}?_summary=count").json()["total"] for type in DESIRED}
    return {type: total for type, total in totals.items() if total}


def test_another_server_is_refused_before_anything_is_written(moving: Moving) -> None:
    moving.go(moving.there)
    moving.correct()
    plan = fhir_msc("plan", "--project", moving.project)
    assert plan.code == 2
    for said in (plan.err, moving.sync(code=2)):
        assert "the server there does not hold what was delivered last" in said
        assert "sync --repair" in said
        assert "a target and identity of its own" in said
    status = fhir_msc("status", "--project", moving.project)
    assert status.code == 1
    assert "the url of target" in status.out
    assert counted(moving.there) == {}
    moving.go(moving.here)
    assert moving.sync()["delivery"]["updated"] == 1
    assert counted(moving.here) == DESIRED


def test_the_worker_writes_nothing_to_another_server(moving: Moving) -> None:
    moving.go(moving.there)
    moving.correct()
    stop = threading.Event()
    beats: list[None] = []

    def beat() -> None:
        beats.append(None)
        if len(beats) > 1:
            stop.set()

    assert work(read_project(moving.project), Surroundings(stop=stop), beat=beat) == 1
    assert counted(moving.there) == {}
    assert fhir_msc("status", "--project", moving.project, "--json").document["conflicts"]["total"] == 0


def test_a_server_that_was_replaced_gets_all_again_once_that_is_asked_for(moving: Moving) -> None:
    moving.go(moving.there)
    moving.sync("--repair")
    assert counted(moving.there) == DESIRED
    assert fhir_msc("verify", "--project", moving.project).code == 0
    assert moving.sync()["delivery"] is None


def test_a_server_that_moved_is_known_again(moving: Moving) -> None:
    moving.go(moving.here.replace("127.0.0.1", "localhost"))
    assert moving.sync()["delivery"] is None
    with looked_at(read_project(moving.project)) as ledger:
        assert ledger is not None
        with ledger.begin() as connection:
            assert list(connection.execute(select(audit.c.event)).scalars())[-1] == "moved"
    moving.correct()
    assert moving.sync()["delivery"]["updated"] == 1
    assert counted(moving.here) == DESIRED


def test_what_the_other_server_has_under_the_same_numbers_is_left_alone(tmp_path: Path) -> None:
    export = write_study(tmp_path / "export", tiny_study())
    with SandboxServer(profile=PROFILES["google"]) as here, SandboxServer(profile=PROFILES["google"]) as there:
        moving = Moving(
            new_project(tmp_path / "project", "sdtm", export, here.base_url, "--zone", "UTC"),
            export,
            here.base_url,
            there.base_url,
        )
        moving.sync()
        other = new_project(tmp_path / "other", "sdtm", export, there.base_url, "--zone", "UTC")
        assert fhir_msc("sync", "--project", other).code == 0
        moving.go(there.base_url)
        moving.sync(code=2)
        moving.sync("--repair")
        assert counted(there.base_url) == {type: 2 * count for type, count in DESIRED.items()}
        assert fhir_msc("verify", "--project", other).code == 0
        assert fhir_msc("verify", "--project", moving.project).code == 0


def test_a_target_of_another_name_is_still_the_same(moving: Moving) -> None:
    configure(moving.project, r"^\[targets\.main\]$", "[targets.research]")
    status = fhir_msc("status", "--project", moving.project, "--json")
    assert (status.code, status.document["target"]) == (0, "research")
    assert set(status.document["resources"]) >= set(DESIRED)
    assert fhir_msc("verify", "--project", moving.project).code == 0
    moving.correct()
    delivery = moving.sync()["delivery"]
    assert (delivery["created"], delivery["updated"], delivery["adopted"]) == (0, 1, 0)
    assert counted(moving.here) == DESIRED
    assert fhir_msc("verify", "--project", moving.project).code == 0


def test_another_name_and_identity_at_the_same_server_are_refused(moving: Moving) -> None:
    configure(moving.project, r"^\[targets\.main\]$", "[targets.research]")
    text = (moving.project / "fhir-msc.toml").read_text("utf-8")
    (word,) = re.findall(r'^identity = "(.*)"', text, re.M)
    configure(moving.project, r'^identity = ".*"', 'identity = "another-word"')
    said = moving.sync(code=2)
    assert "would be there twice" in said
    assert f'identity = "{word}"' in said
    assert counted(moving.here) == DESIRED
    for url in same(moving.here)[:1]:
        moving.go(url)
        assert "would be there twice" in moving.sync(code=2)


def same(url: str) -> list[str]:
    """The url, as others write it."""
    return [f"{url}/", url.replace("http://127.0.0.1", "HTTP://LOCALHOST"), url.replace("127.0.0.1", "LocalHost")]


def test_the_url_written_otherwise_is_no_other_one(moving: Moving) -> None:
    moving.go(moving.here.replace("127.0.0.1", "localhost"))
    moving.sync()
    for url in same(moving.here)[1:]:
        moving.go(url)
        assert fhir_msc("status", "--project", moving.project, "--json").document["elsewhere"] is False
        moving.sync()
    with looked_at(read_project(moving.project)) as ledger:
        assert ledger is not None
        with ledger.begin() as connection:
            assert list(connection.execute(select(audit.c.event)).scalars()).count("moved") == 1


@pytest.mark.parametrize("twice", [1, 2])
def test_a_repair_asked_for_twice_does_nothing_the_second_time(moving: Moving, twice: int) -> None:
    moving.go(moving.there)
    for _ in range(twice):
        moving.sync("--repair")
    assert moving.sync("--repair")["delivery"] is None
    assert counted(moving.there) == DESIRED


def test_a_plan_from_before_the_url_changed_writes_nothing_elsewhere(moving: Moving, tmp_path: Path) -> None:
    moving.correct()
    plan = tmp_path / "plan.json"
    assert fhir_msc("plan", "--project", moving.project, "--output", plan).code == 0
    moving.go(moving.there)
    moving.sync("--plan", plan, code=2)
    assert counted(moving.there) == {}


def test_a_server_that_was_set_back_and_moved_is_repaired(tmp_path: Path) -> None:
    """It gave the ids; its backup has an earlier version of a result, and no event that came later."""
    study = tiny_study()
    export = write_study(tmp_path / "export", {**study, "AE": without_row(study["AE"], 3)})
    database, backup = tmp_path / "server.db", tmp_path / "backup.db"
    with SandboxServer(profile=PROFILES["google"], database=database) as server:
        project = new_project(tmp_path / "project", "sdtm", export, server.base_url, "--zone", "UTC")
        moving = Moving(project, export, server.base_url, "")
        moving.sync()
    copy(database, backup)
    write_study(export, {**study, "LB": edited(study["LB"], 1, LBORRES="4.4")})
    with SandboxServer(profile=PROFILES["google"], database=database) as server:
        moving.go(server.base_url)
        assert moving.sync()["delivery"]["created"] == 1
    with SandboxServer(profile=PROFILES["google"], database=backup) as server:
        moving.go(server.base_url)
        moving.sync(code=2)
        moving.sync("--repair")
        assert counted(server.base_url) == DESIRED
        # Its versions are no numbers: that the result is an earlier one of ours is not told, and a person is asked.
        assert "1 changed" in fhir_msc("verify", "--project", project).out

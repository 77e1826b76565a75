"""A study that comes as Dataset-JSON goes the same way. Blind: ``test_blindness_dataset_json.py``."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.sandbox.server import SandboxServer
from tests.support.projects import configure, fhir_msc, new_project

pytestmark = pytest.mark.shared

Table = dict[str, Any]


@pytest.fixture
def export(shared: Path, tmp_path: Path) -> Path:
    """The study's Dataset-JSON files alone."""
    folder = tmp_path / "export"
    folder.mkdir()
    for path in (shared / "data/sdtm-msg-18subjects").glob("*.json"):
        shutil.copy(path, folder)
    return folder


def mapped(folder: Path, export: Path, *options: str) -> bytes:
    """The bodies, under a secret and an identity that are the same for all."""
    project = new_project(folder, "sdtm", export, "http://127.0.0.1:9/fhir", "--zone", "America/New_York", *options)
    configure(project, r'^namespace = ".*"$', 'namespace = "https://trial.example.org"')
    configure(project, r'^identity = ".*"$', 'identity = "0123456789"')
    (project / "secret").write_text("s" * 64)
    output = project / "bodies.ndjson"
    outcome = fhir_msc("map", "--project", project, "--output", output)
    assert outcome.code == 0, outcome.err
    return output.read_bytes() + outcome.out.replace(str(output), "").encode()


def edit(export: Path, table: str, change: Callable[[Table, dict[str, int]], None]) -> None:
    path = export / f"{table.lower()}.json"
    document = json.loads(path.read_text("utf-8"), parse_float=str)
    change(document, {column["name"]: place for place, column in enumerate(document["columns"])})
    path.write_text(json.dumps(document), "utf-8")


def swap_arms(document: Table, place: dict[str, int]) -> None:
    for row in document["rows"]:
        for name in ("ARM", "ARMCD", "ACTARM", "ACTARMCD"):
            row[place[name]] = "CANARY"


def test_an_arm_is_seen_in_an_unblinded_project(export: Path, tmp_path: Path) -> None:
    before = mapped(tmp_path / "before", export, "--unblinded")
    edit(export, "DM", swap_arms)
    assert b"CANARY" in mapped(tmp_path / "after", export, "--unblinded")
    assert b"CANARY" not in before


def test_from_files_to_a_server(export: Path, tmp_path: Path) -> None:
    with SandboxServer() as server:
        project = new_project(tmp_path / "project", "sdtm", export, server.base_url, "--zone", "America/New_York")
        assert re.search(r'^format = "dataset-json"$', (project / "fhir-msc.toml").read_text(), re.M)
        first = fhir_msc("sync", "--project", project, "--json")
        assert first.code == 0, first.err
        assert first.document["delivery"]["created"] > 10_000
        # A transport file that comes to lie beside them is not read: the config names the format.
        (export / "lb.xpt").write_bytes(b"")
        again = fhir_msc("sync", "--project", project, "--json")
        assert (again.code, again.document["delivery"]) == (0, None)
        # A file that is cut short takes nothing with it.
        whole = (export / "vs.json").read_bytes()
        (export / "vs.json").write_bytes(whole[: len(whole) // 2])
        cut = fhir_msc("sync", "--project", project, "--json")
        assert cut.code == 3
        assert cut.document["vanished"]["total"] == 0
        (table,) = [one for one in cut.document["staging"] if one["table"] == "VS"]
        assert "it is damaged, or the file ends inside it" in table["error"]

"""The commands from outside: exit codes, help, what they load, and ``validate`` on FHIR files."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fhir_msc.cli.app import app
from fhir_msc.sandbox import SandboxServer
from tests.support.projects import Outcome, configure, fhir_msc, new_project
from tests.support.serverside import held
from tests.support.tinystudy import edited, tiny_study, write_study

HEAVY = {"sqlalchemy", "alembic", "httpx", "httpcore", "starlette", "uvicorn", "anyio", "jinja2"}


def commands() -> list[tuple[str, ...]]:
    """Every command, groups included."""
    found: list[tuple[str, ...]] = []

    def walk(command: Any, path: tuple[str, ...]) -> None:
        found.append(path)
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, (*path, name))

    walk(typer.main.get_command(app), ())
    return found


def assert_plain(outcome: Outcome) -> None:
    for text in (outcome.out, outcome.err):
        assert "Traceback" not in text
        assert "internal error" not in text


@pytest.fixture
def url() -> Iterator[str]:
    with SandboxServer() as server:
        yield server.base_url


@pytest.fixture
def closed() -> str:
    """The URL of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}/fhir"


@pytest.fixture
def project(url: str, tmp_path: Path) -> Path:
    export = write_study(tmp_path / "export", tiny_study())
    return new_project(tmp_path / "project", "sdtm", export, url)


def test_the_commands_are_all_there() -> None:
    names = {" ".join(path) for path in commands()}
    assert names >= {
        "", "init", "demo", "map", "mapping", "mapping check", "validate", "target", "target probe", "sync", "worker",
        "status", "sandbox",
    }  # fmt: skip


@pytest.mark.parametrize("path", commands(), ids=lambda path: " ".join(path) or "fhir-msc")
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    outcome = fhir_msc(*path, "--help")
    assert outcome.code == 0
    assert outcome.err == ""
    assert " ".join(["Usage:", "fhir-msc", *path]) in " ".join(outcome.out.split())
    assert outcome.out.count("\n") > 5


def test_a_clean_project_ends_with_0(project: Path, url: str) -> None:
    for arguments in (
        ["validate", "--project", project], ["map", "--project", project], ["sync", "--project", project],
        ["sync", "--project", project], ["status", "--project", project], ["target", "probe", "--project", project],
        ["target", "probe", url], ["mapping", "check", "sdtm"],
        ["mapping", "check", "sdtm", "--source", project.parent / "export"],
    ):  # fmt: skip
        outcome = fhir_msc(*arguments)
        assert outcome.code == 0, (arguments, outcome.out + outcome.err)
        assert outcome.err == ""
        again = fhir_msc(*arguments, "--json")
        assert (again.code, again.err) == (0, "")
        assert isinstance(again.document, dict)


def test_an_error_in_the_data_ends_with_1(project: Path) -> None:
    study = tiny_study()
    write_study(project.parent / "export", {"VS": edited(study["VS"], 1, VSDTC="2021-13-45")})
    for command in ("validate", "map", "sync", "status"):
        outcome = fhir_msc(command, "--project", project)
        assert outcome.code == 1, (command, outcome.out + outcome.err)
        assert outcome.err == ""
        assert "vs.xpt [VS] row 1 column VSDTC" in outcome.out
        again = fhir_msc(command, "--project", project, "--json")
        assert (again.code, again.err) == (1, "")
        assert any(finding["severity"] == "error" for finding in again.document["findings"])


def test_a_wrong_call_ends_with_2(project: Path, tmp_path: Path) -> None:
    export = tmp_path / "export"
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, said in (
        (["snyc"], "No such command"),
        (["sync", "--quietly"], "No such option"),
        (["init", tmp_path / "new"], "--pack"),
        (["init", project, "--pack", "sdtm", "--source", export, "--target", "http://x"], "stands here already"),
        (["init", tmp_path / "new", "--pack", "sdtm", "--source", export, "--target", "nowhere"], "http"),
        (["init", tmp_path / "new", "--pack", "none", "--source", export, "--target", "http://x"], "none"),
        (["init", tmp_path / "new", "--pack", "sdtm", "--source", export, "--target", "https://fhir.example.org"],
         "placeholder"),
        (["sync", "--project", empty], "there is no project in this folder"),
        (["validate", "--project", empty], "there is no project in this folder"),
        (["map", "--project", empty], "there is no project in this folder"),
        (["worker", "--project", empty], "there is no project in this folder"),
        (["status", "--project", empty], "there is no project in this folder"),
        (["status", "--project", project], "nothing was synced yet"),
        (["target", "probe", "--project", empty], "there is no project in this folder"),
        (["target", "probe", "http://127.0.0.1", "--role", "archive"], "store or ehr"),
        (["target", "probe", "ftp://127.0.0.1"], "http"),
        (["mapping", "check", "none"], "none"),
        (["sandbox", "--port", "many"], "--port"),
    ):  # fmt: skip
        outcome = fhir_msc(*arguments)
        assert outcome.code == 2, (arguments, outcome.out + outcome.err)
        assert said in outcome.err, (arguments, outcome.err)
        assert_plain(outcome)
    assert not (tmp_path / "new" / "fhir-msc.toml").exists()


def test_input_that_cannot_be_read_ends_with_3(project: Path, tmp_path: Path) -> None:
    configure(project, r"^source = .*$", 'source = "../gone"')
    new = ["init", tmp_path / "new", "--pack", "sdtm", "--target", "http://127.0.0.1", "--source"]
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "dm.csv").write_bytes(b"USUBJID\n1\n")
    for arguments, said in (
        (["sync", "--project", project], "gone: is not there"),
        (["validate", "--project", project], "gone: is not there"),
        (["map", "--project", project], "gone: is not there"),
        (["mapping", "check", "sdtm", "--source", tmp_path / "gone"], "gone: is not there"),
        (["validate", tmp_path / "gone.json"], "gone.json"),
        ([*new, tmp_path / "gone"], "gone: is not there"),
        ([*new, damaged], "holds no xpt file"),
    ):
        outcome = fhir_msc(*arguments)
        assert outcome.code == 3, (arguments, outcome.out + outcome.err)
        assert said in outcome.err
        assert_plain(outcome)
    assert not (tmp_path / "new" / "fhir-msc.toml").exists()


def test_no_server_ends_with_5(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_msc.target.client.backoff", lambda *_, **__: 0.0)
    for form in ([], ["--json"]):
        outcome = fhir_msc("target", "probe", closed, *form)
        assert (outcome.code, outcome.out) == (5, "")
        assert "cannot be reached" in outcome.err
        assert_plain(outcome)


@pytest.mark.parametrize(
    "arguments",
    [["map", "--output"], ["plan", "--output"], ["verify", "--csv"], ["queries", "--csv"], ["reconcile", "--csv"]],
    ids=" ".join,
)
def test_a_file_that_cannot_be_written_is_named(arguments: list[str], project: Path, tmp_path: Path) -> None:
    assert fhir_msc("sync", "--project", project).code == 0
    file = tmp_path / "nowhere" / "out"
    outcome = fhir_msc(*arguments, file, "--project", project)
    assert outcome.code == 2
    assert str(file) in outcome.err
    assert_plain(outcome)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("^\\[project\\]$", '[project]\nzone = "America"'),
        ("^url = .*$", 'url = "http://[::1"'),
        ("^url = .*$", 'url = "http://127.0.0.1:abc/fhir"'),
        ("^url = (.*)$", "url = \\1\ntimeout = inf"),
        ("^format = .*$", 'format = "xpt"\ndelimiter = ";;"'),
    ],
)
def test_a_value_that_nothing_can_be_done_with_is_named_by_its_line(before: str, after: str, project: Path) -> None:
    configure(project, before, after)
    outcome = fhir_msc("validate", "--project", project)
    assert outcome.code == 2, outcome.out
    assert re.search(r"fhir-msc\.toml:\d+: ", outcome.err)
    assert_plain(outcome)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_who_stops_reading_stops_nothing(form: list[str], project: Path, url: str) -> None:
    """``fhir-msc sync | head -1``."""
    reads, writes = os.pipe()
    os.close(reads)
    command = [Path(sys.executable).with_name("fhir-msc"), "sync", "--project", project, *form]
    try:
        done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (0, "")
    assert any(place.startswith("Observation/") for place in held(url))


@pytest.mark.parametrize("arguments", [["--help"], ["sync", "--help"], ["validate", "FILE"], ["mapping", "--help"]])
def test_nothing_heavy_is_loaded(arguments: list[str], tmp_path: Path) -> None:
    file = tmp_path / "patient.json"
    file.write_text('{"resourceType": "Patient", "gender": "female"}')
    words = [str(file) if word == "FILE" else word for word in arguments]
    code = (
        f"import sys\nfrom fhir_msc.cli.app import run\ncode = run({words!r})\nsys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code + "\nsys.exit(code)"], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "fhir_msc" in loaded
    assert loaded & HEAVY == set()


# -- validate on files -----------------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1961"}
BROKEN: dict[str, Any] = {"resourceType": "Patient", "id": "p2", "gender": "of the third kind", "nickname": "Zoe"}


def validated(*paths: object, code: int) -> dict[str, Any]:
    outcome = fhir_msc("validate", *paths, "--json")
    assert outcome.code == code, outcome.out + outcome.err
    assert outcome.err == ""
    document: dict[str, Any] = outcome.document
    return document


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "good.json"
    path.write_text(json.dumps(GOOD))
    document = validated(path, code=0)
    assert (document["resources"], document["findings"]) == (1, [])


def test_a_broken_file_is_named_with_path_and_rule(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(BROKEN))
    findings = validated(path, code=1)["findings"]
    assert {one["path"] for one in findings} >= {"Patient.gender", "Patient.nickname"}
    assert {one["origins"][0]["file"] for one in findings} == {str(path)}
    assert all(one["rule"].startswith("MSC-") or one["rule"] for one in findings)
    report = fhir_msc("validate", path)
    assert report.code == 1
    assert str(path) in report.out
    assert "of the third kind" not in report.out
    assert "of the third kind" in fhir_msc("validate", path, "--show-values").out


def test_lines_of_ndjson_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "many.ndjson"
    path.write_text("\n".join([json.dumps(GOOD), "", json.dumps(BROKEN), json.dumps(GOOD), '{"resourceType": "Pat']))
    document = validated(path, code=1)
    assert document["resources"] == 4
    assert {one["origins"][0]["row"] for one in document["findings"]} == {3, 5}


def test_a_folder_is_looked_through(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.json").write_text(json.dumps(GOOD))
    (tmp_path / "deep" / "b.json").write_text(json.dumps(BROKEN))
    (tmp_path / "deep" / "c.ndjson").write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD))
    (tmp_path / "notes.txt").write_text("no FHIR")
    document = validated(tmp_path, code=1)
    assert document["resources"] == 4
    assert {one["origins"][0]["file"] for one in document["findings"]} == {str(tmp_path / "deep" / "b.json")}


@pytest.mark.parametrize(
    ("text", "resources", "code"),
    [
        (json.dumps(GOOD), 1, 0),
        (json.dumps(GOOD, indent=2), 1, 0),
        (json.dumps(GOOD) + "\n" + json.dumps(BROKEN) + "\n", 2, 1),
        (json.dumps(BROKEN), 1, 1),
    ],
)
def test_standard_input(text: str, resources: int, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8"))
    document = validated("-", code=code)
    assert document["resources"] == resources
    assert {one["origins"][0]["file"] for one in document["findings"]} <= {"stdin"}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"   \n", b"{", b"null", b"[]", b'"Patient"', b"42", b"{}", b'{"resourceType": "Nobody"}',
        b'{"resourceType": 5}', b'{"resourceType": "Patient", "gender": "fem', b"\xff\xfe{", b"<Patient/>",
        b'{"resourceType": "Patient", "birthDate": NaN}', b'{"resourceType": "Patient", "active": "\xff"}',
        b'{"resourceType": "Patient", "extension": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"resourceType": "Patient", "gender": "female", "gender": "male"}',
    ],
    ids=lambda content: content[:40].decode("ascii", "replace"),
)  # fmt: skip
def test_whatever_a_file_holds_it_is_a_finding(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    findings = validated(path, code=1)["findings"]
    assert findings
    assert {one["origins"][0]["file"] for one in findings} == {str(path)}
    assert_plain(fhir_msc("validate", path))


def test_what_map_writes_is_valid(project: Path, tmp_path: Path) -> None:
    bodies = tmp_path / "bodies.ndjson"
    assert fhir_msc("map", "--project", project, "--output", bodies).code == 0
    document = validated(bodies, code=0)
    assert document["resources"] == len(bodies.read_bytes().splitlines())
    assert document["findings"] == []

"""What docs/extending.md tells an integrator is so: its files, installed and run, do what it says."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from mypy import api as mypy

import fhir_msc
from fhir_msc.mapping.own_transforms import GROUP as TRANSFORMS
from fhir_msc.resources.own import GROUP as BUILDERS
from fhir_msc.sandbox import SandboxServer
from fhir_msc.sources.own import GROUP as SOURCES
from tests.support.blinding import Rig, assert_same, differences
from tests.support.distributions import Installer
from tests.support.projects import fhir_msc as fhir_msc_command

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/extending.md").read_text("utf-8")
SECRET = "0123456789abcdef" * 4
URL = "http://127.0.0.1:8090/fhir"

PEOPLE = [("P-1", "F", "high", "2020-01-05"), ("P-2", "M", "low", "2020-01-06"), ("P-3", "M", "low", "")]
TITRES = [
    ("P-1", "ANA", "2020-02-01", "1:160"),
    ("P-1", "ANA", "2020-03-01", "1:1280"),
    ("P-2", "ANA", "2020-02-01", "negative"),
    ("P-3", "ANA", "2020-02-01", "1:80"),
]
EVENTS = [("P-1", "RASH", "2020-02-10", "Y"), ("P-2", "COUGH", "2020-02-11", "N")]


def files() -> dict[str, str]:
    """The files of the guide by name; parts of one file stand in several places."""
    found: dict[str, str] = {}
    for name, text in re.findall(r"```(?:python|yaml|toml)\n# (\S+)\n(.*?)```", GUIDE, re.S):
        found[name] = f"{found[name]}\n\n{text}" if name in found else text
    return found


def entry_points() -> dict[str, dict[str, str]]:
    """Those of the guide's pyproject.toml, by group without ``fhir_msc.``."""
    import tomllib

    groups = tomllib.loads(files()["pyproject.toml"])["project"]["entry-points"]
    return {group.removeprefix("fhir_msc."): points for group, points in groups.items()}


def database(path: Path, arms: Sequence[str] = ("high", "low", "low")) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE people (pid, sex, arm, signed)")
        people = [(pid, sex, arm, signed) for (pid, sex, _, signed), arm in zip(PEOPLE, arms, strict=True)]
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", people)
        connection.execute("CREATE TABLE titres (pid, test, taken, result)")
        connection.executemany("INSERT INTO titres VALUES (?, ?, ?, ?)", TITRES)
        connection.execute("CREATE TABLE events (pid, term, start, serious)")
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", EVENTS)
    return path


@pytest.fixture
def folder(installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guide's files in a folder, the distribution installed, the ward's database beside them."""
    installer.install("ward", files()["ward.py"], **entry_points())
    for name, text in files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "trial/secret").touch(mode=0o600)
    (tmp_path / "trial/secret").write_text(SECRET, "ascii")
    database(tmp_path / "ward.db")
    (tmp_path / "rearmed").mkdir()
    database(tmp_path / "rearmed/ward.db", ("low", "high", "none"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    with SandboxServer() as sandbox:
        config = folder / "trial/fhir-msc.toml"
        text = config.read_text("utf-8")
        assert URL in text
        config.write_text(text.replace(URL, sandbox.base_url), "utf-8")
        yield sandbox.base_url


def run(name: str) -> dict[str, object]:
    names: dict[str, object] = {"__name__": name}
    exec(compile(files()[name], name, "exec"), names)
    return names


def test_the_groups_are_those_of_the_code() -> None:
    assert set(entry_points()) == {group.removeprefix("fhir_msc.") for group in (TRANSFORMS, SOURCES, BUILDERS)}


def test_the_script_is_short() -> None:
    assert len(files()["integrate.py"].strip().splitlines()) <= 30


def test_the_script(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("integrate.py")
    said = capsys.readouterr().out
    assert "titres 4 {('delivered', ''): 3, ('held', 'MSC-CONSENT-001'): 1}" in said
    assert "warning MSC-CONSENT-001" in said
    assert "{'value': 160}" in said
    assert re.search(r"fhir\.resources\.R4B|Flag\(|Observation\(", said)
    created = re.search(r"^(\d+) created$", said, re.M)
    assert created is not None
    sent = {
        name: httpx.get(f"{server}/{name}", params={"_summary": "count"}).raise_for_status().json()["total"]
        for name in ("Patient", "Observation", "AdverseEvent", "Flag")
    }
    assert sent == {"Patient": 2, "Observation": 3, "AdverseEvent": 2, "Flag": 1}
    (flag,) = (entry["resource"] for entry in httpx.get(f"{server}/Flag").json()["entry"])
    assert flag["code"] == {"text": "Serious adverse event in a trial"}
    run("integrate.py")
    assert "None created" in capsys.readouterr().out, "a second time there is nothing to send"


def test_what_it_brings_is_kept_in_step_like_all_else(server: str, folder: Path) -> None:
    """Planned, traced, verified, corrected and, when its row is gone and a person says so, taken away."""
    there = ("--project", "trial")
    assert fhir_msc_command("plan", *there).code == 0
    assert fhir_msc_command("sync", *there).code == 0
    (flag,) = (entry["resource"] for entry in httpx.get(f"{server}/Flag").json()["entry"])
    traced = fhir_msc_command("trace", flag["id"], *there)
    assert (traced.code, "ward.db [events] row 1" in traced.out) == (0, True), traced.out
    verified = fhir_msc_command("verify", *there)
    assert verified.code == 0, verified.out
    with closing(sqlite3.connect(folder / "ward.db")) as connection, connection:
        connection.execute("DELETE FROM events WHERE pid = 'P-1'")
    config = folder / "trial/fhir-msc.toml"
    config.write_text(config.read_text("utf-8") + 'delete = ["Flag", "AdverseEvent"]\n', "utf-8")
    assert fhir_msc_command("sync", *there).code == 0
    project = fhir_msc.read_project(Path("trial"))
    gone = fhir_msc.vanished_of(project)
    assert sorted(one.type for one in gone) == ["AdverseEvent", "Flag"]
    assert fhir_msc.retire(project, [one.rid for one in gone], "entered by mistake", "a test") == 2
    fhir_msc.synced(project)
    assert httpx.get(f"{server}/Flag/{flag['id']}").status_code == 410


def test_its_own_tests_pass(folder: Path) -> None:
    names = run("test_ward.py")
    tests = [test for name, test in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()  # type: ignore[operator]


def test_it_is_typed(folder: Path) -> None:
    """Whoever imports fhir_msc has its types, and so has what is written in the guide."""
    arguments = ["--strict", "--no-error-summary", "--cache-dir", str(ROOT / ".mypy_cache/guide")]
    said, errors, code = mypy.run([*arguments, "ward.py", "integrate.py", "test_ward.py"])
    assert (code, said, errors) == (0, "", "")


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_sealed_changes_no_byte_through_own_code(folder: Path, whole: bool) -> None:
    """Own source, own transform and own builder in a blind project: every command, whatever the arms are."""
    config = files()["trial/fhir-msc.toml"].replace(URL, "http://fhir.test/r4").replace("../ward.db", "../data/ward.db")
    rig = Rig(folder, config.replace("\nurl", "\nconnections = 1\nurl"), str(folder / "pack"), "data/ward.db")
    exports = [{"ward.db": (folder / name).read_bytes()} for name in ("ward.db", "rearmed/ward.db")]
    one, other = (rig.observe(export, export, seed=seed, whole=whole) for seed, export in enumerate(exports))
    assert one["1 sync: exit code"] == b"0", one["1 sync: stderr"]
    assert b"Flag" in one["1 requests"]
    assert_same(one, other)
    unblinded = Rig(folder, rig.config.replace("builders", "blind = false\nbuilders"), rig.pack, rig.source)
    seen = [unblinded.observe(export, seed=seed) for seed, export in enumerate(exports)]
    assert "1 bodies" in differences(*seen), "the arm is there to be seen"

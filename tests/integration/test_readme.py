"""The README does what it says: each of its snippets is run, in a folder of its own, against a sandbox of its own.

A snippet follows a line ``<!-- run: NAME -->``. Of a console snippet, lines that begin with ``$`` are run, one after
the other, and have to end with 0; the lines below each have to stand in what it prints.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.snippets import Command, commands_of, run, run_forked, started

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SNIPPETS = {
    name: (kind, text) for name, kind, text in re.findall(r"<!-- run: ([\w ]+) -->\n```(\w+)\n(.*?)```", README, re.S)
}
URL = "http://127.0.0.1:8090/fhir"
PARTICIPANTS = 12


def commands(name: str, base_url: str = URL) -> list[Command]:
    kind, text = SNIPPETS[name]
    assert kind == "console"
    return commands_of(text.replace(URL, base_url))


@pytest.fixture
def base_url(tmp_path: Path) -> Iterator[str]:
    """The README's sandbox, on a free port; one for each test, for their projects share a namespace."""
    (command,) = commands("sandbox")
    assert command.prints == (URL,)
    at_a_free_port = Command((*command.words[:-1], "0"), ())
    with started(at_a_free_port, tmp_path) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def keep_participants(records: Path, wanted: int) -> None:
    """Cuts the example's export after so many participants, for time."""
    with records.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    names = list(dict.fromkeys(row[0] for row in rows))[:wanted]
    with records.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *(row for row in rows if row[0] in names)])


@pytest.fixture
def printed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what a command prints goes."""
    return tmp_path_factory.mktemp("printed")


@pytest.fixture
def folder(tmp_path: Path, base_url: str, printed: Path) -> Path:
    """A folder with some of the shipped example and the project that the README makes of it."""
    export = tmp_path / "examples/misle-phase2/data/edc"
    shutil.copytree(ROOT / "examples/misle-phase2/data/edc", export)
    keep_participants(export / "misle_records_synthetic.csv", PARTICIPANTS)
    for command in commands("init", base_url):
        run_forked(command, tmp_path, printed)
    return tmp_path


def on_server(base_url: str) -> int:
    return sum(
        httpx.get(f"{base_url}/{name}", params={"_summary": "count"}, timeout=60).raise_for_status().json()["total"]
        for name in ("Patient", "ResearchSubject", "Observation", "Encounter", "AdverseEvent", "Consent")
    )


def test_every_use_has_its_snippet() -> None:
    assert set(SNIPPETS) == {"init", "sandbox", "library", "worker", "plan", "command line"}
    fences = re.findall(r"^```(?:python|console)$", README, re.M)
    assert len(fences) == len(SNIPPETS), "a snippet that no test runs"


def test_library(
    folder: Path, base_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, text = SNIPPETS["library"]
    assert kind == "python"
    monkeypatch.chdir(folder)
    before = on_server(base_url)
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(text, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert f"{len(names['bodies'])} created" in printed  # type: ignore[arg-type]
    assert re.search(r"^laboratory \d+ [1-9]\d* ", printed, re.M), printed
    assert re.search(r"^(information|warning) MSC-", printed, re.M), printed
    assert on_server(base_url) > before


def test_worker(folder: Path, base_url: str, printed: Path) -> None:
    before = on_server(base_url)
    *others, worker = commands("worker", base_url)
    for command in others:
        run_forked(command, folder, printed)
    stored = on_server(base_url)
    assert stored > before
    assert worker.words[1] == "worker"
    with started(worker, folder) as process:
        assert process.stderr is not None
        assert "worker started" in process.stderr.readline()
    assert on_server(base_url) == stored


def test_plan(folder: Path, base_url: str, printed: Path) -> None:
    before = on_server(base_url)
    for command in commands("plan", base_url):
        run_forked(command, folder, printed)
    assert on_server(base_url) > before


def test_command_line(folder: Path, base_url: str) -> None:
    before = on_server(base_url)
    for command in commands("command line", base_url):
        run(command, folder)
    assert on_server(base_url) == before
    assert (folder / "bodies.ndjson").read_bytes().count(b"\n") > 1000

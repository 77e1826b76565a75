"""What a user does wrong, or the system refuses, is a clear line with what to do next, and the right exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

import fhir_msc as fhir_msc_door
from fhir_msc.cli.demonstration import demonstrate
from fhir_msc.pipeline import sync
from fhir_msc.sandbox import SandboxServer
from fhir_msc.sync.status import status
from tests.support.denied import deny
from tests.support.projects import Outcome, configure, fhir_msc, new_project
from tests.support.tinystudy import tiny_study, write_study

NOWHERE = "http://127.0.0.1:9/fhir"


def assert_clear(outcome: Outcome, code: int, *said: str) -> None:
    assert outcome.code == code, outcome.out + outcome.err
    assert "Traceback" not in outcome.err
    assert "internal error" not in outcome.err
    for text in said:
        assert text in outcome.err


@pytest.fixture
def url() -> Iterator[str]:
    with SandboxServer() as server:
        yield server.base_url


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_study(tmp_path / "export", tiny_study())


@pytest.fixture
def project(export: Path, tmp_path: Path) -> Path:
    return new_project(tmp_path / "project", "sdtm", export, NOWHERE)


# -- interrupted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_an_interrupted_sync_says_so_and_the_next_goes_on(form: list[str], export: Path, tmp_path: Path) -> None:
    stopped: list[str] = []

    def stop_once(request: Request) -> Response | None:
        if request.method == "POST" and request.url.path.endswith("/fhir") and not stopped:
            stopped.append(request.url.path)
            os.kill(os.getpid(), signal.SIGINT)
        return None

    with SandboxServer(intercept=stop_once) as server:
        project = new_project(tmp_path / "project", "sdtm", export, server.base_url)
        configure(project, r"^connections = 2$", "connections = 1\nentries = 2")
        outcome = fhir_msc("sync", "--project", project, *form)
        assert stopped
        assert outcome.code == 130
        assert outcome.err == "fhir-msc: interrupted; nothing is lost: the next sync goes on from there\n"
        assert fhir_msc("sync", "--project", project).code == 0


def test_a_target_that_was_not_begun_is_no_clean_end(
    export: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(tmp_path / "project", "sdtm", export, url)
    second = f'[targets.second]\nurl = "{url}"\nidentity = "another-word"\n\n[worker]'
    configure(project, r"^\[worker\]$", second)

    def stopped_after(*given: Any, **named: Any) -> Any:
        result = sync(*given, **named)
        os.kill(os.getpid(), signal.SIGINT)
        return result

    monkeypatch.setattr("fhir_msc.pipeline.sync", stopped_after)
    outcome = fhir_msc("sync", "--project", project)
    assert outcome.code == 130
    assert outcome.err == "fhir-msc: interrupted; nothing is lost: the next sync goes on from there\n"


def test_a_second_ctrl_c_is_no_silence(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fhir_msc.pipeline.sync", interrupted)
    outcome = fhir_msc("sync", "--project", project)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "fhir-msc: interrupted before all was done; run the same command again\n"


# -- rights -----------------------------------------------------------------------------------------------------------


def test_a_state_that_cannot_be_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deny(monkeypatch, project / "state" / "lock", "open")
    for command in ("sync", "worker"):
        outcome = fhir_msc(command, "--project", project)
        assert_clear(outcome, 2, "lock", "Permission denied", "as the user whom the project's folder belongs to")
        assert len(outcome.err.splitlines()) == 2 or command == "worker"


@pytest.mark.parametrize(
    ("name", "said"),
    [("secret", "run fhir-msc as the user whom the file belongs to"), ("fhir-msc.toml", "must be allowed to read")],
)
def test_a_file_of_the_project_that_cannot_be_read(
    name: str, said: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny(monkeypatch, project / name, "open")
    outcome = fhir_msc("validate", "--project", project)
    assert_clear(outcome, 2, name)
    assert said in outcome.err.replace("Run", "run")


@pytest.mark.parametrize("name", ["a trial", "a trial?", "100%25"])
def test_status_reads_a_ledger_where_nothing_can_be_written(
    name: str, export: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(tmp_path / name, "sdtm", export, url)
    assert fhir_msc("sync", "--project", project).code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"export", name}, "the ledger went elsewhere"
    state = project / "state"
    as_written = fhir_msc("status", "--project", project)
    before = {path.name for path in state.iterdir()}
    seen: set[str] = set()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != state)
    monkeypatch.setattr("fhir_msc.oversight.status", lambda ledger: seen.update(os.listdir(state)) or status(ledger))
    assert fhir_msc("status", "--project", project) == as_written
    assert as_written.code == 0
    assert seen == before, "SQLite wrote beside the ledger"


def test_a_ledger_that_cannot_be_read_is_no_ledger_that_is_not_there(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = project / "state" / "ledger.db"
    ledger.parent.mkdir()
    ledger.touch()
    deny(monkeypatch, ledger, "open")
    assert_clear(fhir_msc("status", "--project", project), 2, "ledger.db", "Permission denied", "belongs to")


# -- half-way ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["secret", ".gitignore", "fhir-msc.toml"])
def test_an_init_that_fails_leaves_nothing(
    name: str, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--pack", "sdtm", "--source", export, "--target", NOWHERE]
    inner = tmp_path / "outer" / "inner"
    with monkeypatch.context() as patch:
        deny(patch, inner / name, "open")
        assert_clear(fhir_msc("init", inner, *arguments), 2, str(inner / name))
    assert not (tmp_path / "outer").exists()
    assert fhir_msc("init", inner, *arguments, "--zone", "Mars").code == 2
    assert not (tmp_path / "outer").exists(), "a wrong word is found before anything is written"
    inner.mkdir(parents=True)
    (inner / "secret").write_text("of my own " * 8)
    assert fhir_msc("init", inner, *arguments).code == 0
    assert (inner / "secret").read_text() == "of my own " * 8


def test_a_demo_that_failed_is_laid_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "demo"
    with monkeypatch.context() as patch:
        deny(patch, folder / "fhir-msc.toml", "open")
        assert fhir_msc("demo", "--directory", folder).code == 2
    (folder / "state").mkdir()
    (folder / "state" / "ledger.db").write_text("of another demo")
    monkeypatch.setattr("fhir_msc.cli.demonstration.SandboxServer", nothing_more)
    with pytest.raises(StopIteration):
        demonstrate(folder)
    assert not (folder / "state").exists()
    assert (folder / "fhir-msc.toml").exists()


def nothing_more() -> SandboxServer:
    raise StopIteration


# -- streams ----------------------------------------------------------------------------------------------------------


def in_a_shell(command: str, *arguments: object, **environment: str) -> Outcome:
    """Runs ``fhir-msc`` with its streams redirected: ``$@`` stands for it and its arguments."""
    program = Path(sys.executable).with_name("fhir-msc")
    done = subprocess.run(
        ["/bin/sh", "-c", command, "sh", program, *map(str, arguments)],
        capture_output=True,
        env={**os.environ, **environment},
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("command", "code"), [('"$@" >&-', 0), ('"$@" --json >&-', 0), ('"$@" >&- <&- 2>&-', 0), ('"$@" --no 2>&-', 2)]
)
def test_closed_streams(command: str, code: int, tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text('{"resourceType": "Patient"}')
    outcome = in_a_shell(command, "validate", good)
    assert (outcome.code, outcome.out, outcome.err) == (code, "", "")


def test_nothing_is_read_from_a_closed_stdin() -> None:
    outcome = in_a_shell('"$@" <&-', "validate", "-")
    assert (outcome.code, outcome.err) == (1, "")
    assert "stdin" in outcome.out


def test_a_full_disk_is_named() -> None:
    outcome = in_a_shell('"$@" > /dev/full', "validate", "--explain", "MSC-CONSENT-001", "--json")
    assert_clear(outcome, 2, "No space left on device")


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_characters_that_a_terminal_lacks(environment: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "m\u00fcller.json"
    path.write_text('{"resourceType": "Patient", "gender": "\u00fc", "n\u00e4me": 1}', "utf-8")
    outcome = in_a_shell('"$@"', "validate", path, "--show-values", **environment)
    assert (outcome.code, outcome.err) == (1, "")
    assert "m\\xfcller.json" in outcome.out or "m\\udcc3\\udcbcller.json" in outcome.out
    assert in_a_shell('"$@"', "validate", path, "--report", "text", **environment).code == 1


# -- the config -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "replacement", "said"),
    [
        (r"^url = .*$", 'url = "https://user:hidden@fhir.example.org/r4"', "holds a password"),
        (r"^url = .*$", 'url = "http://127.0.0.1/fhir?_format=json"', "without a query"),
        (r"^url = .*$", 'url = "http://127.0.0.1 /fhir"', "cannot be read"),
        (r"^url = .*$", 'url = "http://127.0.0.1:0/fhir"', "cannot be read"),
        (r"^url = .*$", 'url = "http://127.0.0.1.9/fhir"', "cannot be read"),
        (r"^connections = 2$", 'proxy = "proxy.example.org:3128"', "http://proxy.example.org:3128"),
        (r"^connections = 2$", 'proxy = "socks5://127.0.0.1:1080"', "http://proxy.example.org:3128"),
        (r"^connections = 2$", 'auth = {user = "me"}', "bearer, or user and password"),
        (r"^connections = 2$", 'auth = {bearer = "env:A", user = "me"}', "bearer, or user and password"),
        (r"^connections = 2$", "auth = {}", "bearer, or user and password"),
        (r"^connections = 2$", 'auth = {bearer = "hunter2"}', "env:NAME, file:PATH or cmd:COMMAND"),
        (r"^connections = 2$", 'auth = {user = "me", password = "hunter2"}', "env:NAME, file:PATH or cmd:COMMAND"),
    ],
)
def test_what_sync_refuses_is_refused_by_validate(pattern: str, replacement: str, said: str, project: Path) -> None:
    configure(project, pattern, replacement)
    told = set()
    for command in ("validate", "map", "sync", "status"):
        outcome = fhir_msc(command, "--project", project)
        assert_clear(outcome, 2, "fhir-msc.toml:", said)
        assert "hunter2" not in outcome.err
        assert "hidden" not in outcome.err
        told.add(outcome.err)
    assert len(told) == 1


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_bundle_is_looked_at_before_the_rows(content: bytes | None, project: Path) -> None:
    configure(project, r"^connections = 2$", 'ca_bundle = "ca.pem"')
    if content is not None:
        (project / "ca.pem").write_bytes(content)
    told = {(fhir_msc(command, "--project", project)).err for command in ("validate", "map", "sync", "plan")}
    line = (project / "fhir-msc.toml").read_text().split("\n").index('ca_bundle = "ca.pem"') + 1
    (said,) = told
    assert said.startswith(f"fhir-msc: fhir-msc.toml:{line}: the CA bundle ")
    assert "PEM file" in said


@pytest.mark.parametrize(
    ("pattern", "written", "said"),
    [
        (r"^pack = .*$", 'pack = "none"', "none: there is no such mapping pack"),
        (r"^source = .*$", 'source = "\\u0000"', "project.source: a control character"),
        (r"^blind = true$", 'blind = true\nstate = "a\\u0000"', "project.state: a control character"),
        (r"^blind = true$", 'blind = true\nbuilders = ["Nothing"]', "no own builder makes Nothing"),
        (r"^format = .*$", 'encoding = "klingon"', "encoding 'klingon' is not known"),
        (r"^masking = .*$", f"planned_enrolment = {10**25}", "less than or equal to 2147483647"),
        (r"^covers_days_before = .*$", f"covers_days_before = {10**25}", "less than or equal to 2147483647"),
        (r'^\[sites."701"\]$', '[sites."701"]\nzone = "Mars/Base"', "zone"),
        (
            r'^\[sites."701"\]$',
            '[[study.outcomes]]\ntitle = "One"\n[[study.outcomes]]\ntitle = 2\n[sites."701"]',
            "study.outcomes.1.title",
        ),
    ],
)
def test_a_value_of_the_config_is_named_by_its_own_line(pattern: str, written: str, said: str, project: Path) -> None:
    configure(project, pattern, written.replace("\\", "\\\\"))
    lines = (project / "fhir-msc.toml").read_text("utf-8").split("\n")
    marked = written.split("\n")
    wrong = marked[-2] if marked[-1].startswith("[") else marked[-1]
    for command in ("validate", "sync"):
        assert_clear(fhir_msc(command, "--project", project), 2, f"fhir-msc.toml:{lines.index(wrong) + 1}: ", said)


ALL = (
    ["validate"], ["map"], ["plan"], ["sync"], ["status"], ["verify"], ["trace", "DM:1"], ["reconcile"], ["queries"],
    ["corrections"], ["retire"], ["audit", "verify"], ["study"], ["target", "probe"],
)  # fmt: skip


@pytest.mark.parametrize("name", ["with space", "q?a", "h#a", "p%20c", "ümläut", "[red]", "-dash", "quo\"te'", "a\nb"])
def test_a_project_may_lie_in_a_folder_of_any_name(name: str, url: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    project = new_project(folder / name, "sdtm", write_study(folder / "export", tiny_study()), url)
    for command in ALL:
        outcome = fhir_msc(*command, "--project", project, "--json")
        assert (outcome.code, outcome.err) == (0, ""), command
        assert outcome.document is not None


def test_stdout_holds_one_document_or_nothing(export: Path, tmp_path: Path) -> None:
    """Whatever is wrong, and whatever the exit code: what reads it never meets half a document or a text."""
    with SandboxServer() as server:
        project = new_project(tmp_path / "project", "sdtm", export, server.base_url)
        fhir_msc("sync", "--project", project)
    codes = set()
    (export / "vs.xpt").write_bytes(b"x" * 80)
    for spoil in (
        lambda: None,
        lambda: export.rename(tmp_path / "gone"),
        lambda: configure(project, "^url = ", "uri = "),
    ):
        spoil()
        for command in ALL:
            outcome = fhir_msc(*command, "--project", project, "--json")
            codes.add(outcome.code)
            assert_clear(outcome, outcome.code)
            if outcome.out:
                assert outcome.document is not None
            else:
                assert outcome.err.startswith("fhir-msc: "), command
    assert codes == {0, 2, 3, 5}


def test_a_file_is_no_folder_of_a_project(project: Path) -> None:
    outcome = fhir_msc("status", "--project", project / "fhir-msc.toml")
    assert_clear(outcome, 2, "--project names the folder")


def test_a_config_may_begin_with_a_mark_of_its_encoding(project: Path) -> None:
    config = project / "fhir-msc.toml"
    config.write_bytes(b"\xef\xbb\xbf" + config.read_bytes())
    assert fhir_msc("validate", "--project", project).code == 0


# -- answers and rows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [["--same"], ["--new"], ["--reason", "typed"], ["--by", "me"]])
def test_an_answer_to_nothing_is_no_list(answer: list[str], project: Path) -> None:
    assert_clear(fhir_msc("corrections", *answer, "--project", project), 2, "an answer is to a KEY")


def test_a_row_that_is_not_there(export: Path, url: str, tmp_path: Path) -> None:
    project = new_project(tmp_path / "project", "sdtm", export, url, "--unblinded")
    assert fhir_msc("sync", "--project", project).code == 0
    assert fhir_msc("trace", "DM:1", "--project", project).code == 0
    assert_clear(fhir_msc("trace", "DM:999999", "--project", project), 2, "DM row 999999", "no such row")


def test_a_plan_makes_no_ledger(export: Path, url: str, tmp_path: Path) -> None:
    project = new_project(tmp_path / "project", "sdtm", export, url)
    before = set(project.rglob("*"))
    plan = tmp_path / "plan.json"
    assert fhir_msc("plan", "--project", project, "--output", plan).code == 0
    assert set(project.rglob("*")) == before
    assert fhir_msc("sync", "--project", project, "--plan", plan).code == 0
    assert fhir_msc("plan", "--project", project, "--json").document["steps"] == []


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("no database, but long enough to be looked at " * 40)
    outcome = fhir_msc("sandbox", "--port", "0", "--database", tmp_path / "db")
    assert_clear(outcome, 2, "the database", "--database")
    assert "--port" not in outcome.err


def test_another_format_of_a_report_is_an_error_of_ours() -> None:
    with pytest.raises(fhir_msc_door.UsageError, match="sarif"):
        fhir_msc_door.rendered(fhir_msc_door.validate_files([]), "nope")

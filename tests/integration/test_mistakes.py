"""What a user does wrong, or the system refuses, is a clear line with what to do next, and the right exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_msc.sandbox import SandboxServer
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


def test_a_config_may_begin_with_a_mark_of_its_encoding(project: Path) -> None:
    config = project / "fhir-msc.toml"
    config.write_bytes(b"\xef\xbb\xbf" + config.read_bytes())
    assert fhir_msc("validate", "--project", project).code == 0

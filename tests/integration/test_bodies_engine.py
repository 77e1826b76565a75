"""HL7's Java engine finds no error in what is really sent: one body of every shape of two studies."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from fhir_msc.config import read_project
from fhir_msc.desired import Desired
from fhir_msc.pipeline import checked
from tests.support.engine import Hl7Engine
from tests.support.projects import new_project

pytestmark = pytest.mark.hapi

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:9/fhir"


def shapes(project: Path) -> dict[tuple[str, str], bytes]:
    """A body of each shape: bodies that differ in digits and ids alone are of one shape."""
    found: dict[tuple[str, str], bytes] = {}

    def keep(batch: list[Desired]) -> None:
        for one in batch:
            shape = re.sub(r"[0-9a-f]{40}|[0-9]+(\.[0-9]+)?", "#", one.body.decode("utf-8"))
            found.setdefault((one.type, shape), one.body)

    result = checked(read_project(project), keep=keep)
    assert not [one for one in result.findings if one.is_error]
    return found


def assert_no_errors(engine: Hl7Engine, bodies: dict[tuple[str, str], bytes]) -> None:
    errors = {
        (type, message.location, message.message)
        for (type, _), body in bodies.items()
        for message in engine.errors(body)
    }
    assert not errors
    assert bodies


@pytest.mark.parametrize("part", [".", "unblinded"], ids=["blind", "unblinded"])
def test_the_example(hl7_engine: Hl7Engine, tmp_path: Path, part: str) -> None:
    shutil.copytree(ROOT / "examples" / "misle-phase2", tmp_path / "example", ignore=shutil.ignore_patterns("state"))
    project = tmp_path / "example" / part
    secret = project / "secret"
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text("5" * 64, "ascii")
    found = shapes(project)
    # Of the many shapes that differ in which components or ranges are there, every third is asked.
    assert_no_errors(hl7_engine, {shape: body for i, (shape, body) in enumerate(sorted(found.items())) if i % 3 == 0})


@pytest.mark.shared
@pytest.mark.parametrize("options", [(), ("--unblinded",)], ids=["blind", "unblinded"])
def test_a_real_study(hl7_engine: Hl7Engine, shared: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    source = shared / "data" / "sdtm-msg-18subjects"
    project = new_project(tmp_path / "project", "sdtm", source, URL, "--zone", "America/New_York", *options)
    assert_no_errors(hl7_engine, shapes(project))

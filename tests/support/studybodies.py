"""What is really sent: the bodies of the example trial and of the real study, by shape."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from fhir_msc.config import read_project
from fhir_msc.desired import Desired
from fhir_msc.pipeline import checked
from tests.support.projects import configure, fhir_msc

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:9/fhir"

Shapes = dict[tuple[str, str], bytes]
"""A body of each shape by type and shape: bodies that differ in digits and ids alone are of one shape."""


def shapes(found: Mapping[str, bytes]) -> Shapes:
    """One body of each shape."""
    kept: Shapes = {}
    for name, body in found.items():
        shape = re.sub(r"[0-9a-f]{40}|[0-9]+(\.[0-9]+)?", "#", body.decode("utf-8"))
        kept.setdefault((name.partition("/")[0], shape), body)
    return kept


def bodies(project: Path) -> dict[str, bytes]:
    """Every body of a project by type and id; none of them has an error."""
    found: dict[str, bytes] = {}

    def keep(batch: list[Desired]) -> None:
        found.update((f"{one.type}/{one.rid}", one.body) for one in batch)

    result = checked(read_project(project), keep=keep)
    assert not [one for one in result.findings if one.is_error]
    return found


def example_bodies(folder: Path, *, unblinded: bool = False) -> dict[str, bytes]:
    """Of the example trial, laid in ``folder``; the same each time."""
    shutil.copytree(ROOT / "examples" / "misle-phase2", folder / "example", ignore=shutil.ignore_patterns("state"))
    project = folder / "example" / ("unblinded" if unblinded else ".")
    _keep_secret(project)
    return bodies(project)


def study_bodies(shared: Path, folder: Path, *options: str) -> dict[str, bytes]:
    """Of the real study in ``shared``; ``options`` are those of ``init``. The same each time."""
    source, project = shared / "data" / "sdtm-msg-18subjects", folder / "project"
    arguments = ["init", project, "--pack", "sdtm", "--source", source, "--target", URL, "--zone", "America/New_York"]
    outcome = fhir_msc(*arguments, "--namespace", "https://trial.example.org/fhir", *options)
    assert outcome.code == 0, outcome.err
    configure(project, "^identity = .*$", 'identity = "5555555555555555"')
    _keep_secret(project)
    return bodies(project)


def _keep_secret(project: Path) -> None:
    """A secret that is the same each time, and so are the ids."""
    secret = project / "secret"
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text("5" * 64, "ascii")

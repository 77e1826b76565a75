"""What a ``fhir-msc`` process loads and compiles before it works, once for many: see ``processes``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import fhir_msc.cli.standing
from fhir_msc.cli.app import run
from fhir_msc.sync.ledger import Identity, Ledger
from tests.support.distributions import look_once
from tests.support.projects import fhir_msc as command
from tests.support.projects import new_project
from tests.support.revisions import Export

__all__ = ["fhir_msc", "run"]


def _work_once() -> None:
    """A small trial is mapped and a ledger made: what that loads, compiles and remembers is there for every fork."""
    with tempfile.TemporaryDirectory(prefix="fhir-msc-preloaded-") as name:
        folder = Path(name)
        export = Export(folder / "export", participants=1).folder
        project = new_project(folder / "project", "misle-redcap", export, "http://127.0.0.1:1/fhir", "--zone", "UTC")
        mapped = command("map", "--project", project, "--output", folder / "bodies.ndjson")
        assert mapped.code == 0, mapped.err
        with Ledger.open(folder / "ledger.db", Identity("f1", "amber", True, "1"), "store"):
            pass


look_once(pytest.MonkeyPatch())
_work_once()

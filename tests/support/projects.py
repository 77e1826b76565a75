"""Projects for tests: laid by ``fhir-msc init``, run in this process."""

from __future__ import annotations

import contextlib
import io
import json
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_msc.cli.app import run


@dataclass(frozen=True)
class Outcome:
    """What a command gave: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.out)


def fhir_msc(*arguments: object) -> Outcome:
    """Runs a command in this process."""
    out, err = _Text(), _Text()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Outcome(code, out.text(), err.text())


class _Text(io.TextIOWrapper):
    """A text stream whose bytes can be written to directly, as stdout's can."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode("utf-8")


def new_namespace() -> str:
    """A namespace of its own, so that what a test sends can be told from what others sent to the same server."""
    return f"https://trial-{uuid.uuid4().hex[:12]}.example.org/fhir"


def new_project(folder: Path, pack: str, source: Path, url: str, *options: str) -> Path:
    """Lays a project with a namespace of its own. Gives its folder."""
    arguments = ["init", folder, "--pack", pack, "--source", source, "--target", url]
    outcome = fhir_msc(*arguments, "--namespace", new_namespace(), *options)
    assert outcome.code == 0, outcome.err
    return folder


def configure(folder: Path, pattern: str, replacement: str) -> None:
    """Changes a line of the project's config."""
    path = folder / "fhir-msc.toml"
    text = path.read_text("utf-8")
    changed, count = re.subn(pattern, replacement, text, count=1, flags=re.M)
    assert count == 1, pattern
    path.write_text(changed, "utf-8")


def namespace_of(folder: Path) -> str:
    """The project's namespace."""
    found = re.search(r'^namespace = "(.*)"$', (folder / "fhir-msc.toml").read_text("utf-8"), re.M)
    assert found is not None
    return found[1]

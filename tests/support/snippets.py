"""Documents that do what they say: their snippets are run.

A line ``<!-- run: NAME -->`` goes before a snippet that is run. Of a console snippet, lines that begin with ``$`` are
run, one after the other, and have to end with 0; the lines below each have to stand in what it prints. The snippet
named ``sandbox`` starts the server of a page. ``<!-- file: PATH -->`` goes before the text of a file.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:8090/fhir"
"""The sandbox, as documents write it."""

ENOUGH_SECONDS = 300
_SNIPPET = re.compile(r"<!-- (run|file): ([^\n]+) -->\n```(\w+)\n(.*?)```", re.S)
_FENCE = re.compile(r"^```(?:python|console|yaml|csv|toml|json)$", re.M)


@dataclass(frozen=True, slots=True)
class Snippet:
    """What is run, or the text of a file: ``use`` is ``run`` or ``file``, ``name`` its name or path."""

    use: str
    name: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a console snippet, as words, and the lines that it prints among others."""

    words: tuple[str, ...]
    prints: tuple[str, ...]


def snippets(document: Path) -> list[Snippet]:
    """The snippets of a document, in its order. Fails on one that is neither run nor a file."""
    text = document.read_text("utf-8")
    found = [Snippet(*one) for one in _SNIPPET.findall(text)]
    assert len(_FENCE.findall(text)) == len(found), f"{document.name}: a snippet that no test runs"
    return found


def commands(snippet: Snippet, base_url: str) -> list[Command]:
    """The commands of a console snippet, for a sandbox at ``base_url``."""
    assert snippet.kind == "console", snippet.name
    found: list[Command] = []
    for line in snippet.text.replace(URL, base_url).splitlines():
        if line.startswith("$ "):
            found.append(Command(tuple(shlex.split(line[2:])), ()))
        else:
            found[-1] = Command(found[-1].words, (*found[-1].prints, line))
    return found


def _environment() -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}


def run(command: Command, folder: Path) -> str:
    """Runs a command; gives what it printed."""
    done = subprocess.run(
        command.words, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=ENOUGH_SECONDS
    )
    said = f"$ {' '.join(command.words)}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    for line in command.prints:
        assert line in done.stdout, said
    return done.stdout


@contextmanager
def started(command: Command, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A command that runs until it is told to end by SIGTERM, and then ends with 0."""
    process = subprocess.Popen(
        command.words, cwd=folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=ENOUGH_SECONDS)
        assert process.returncode == 0, f"{output}\n{errors}"
    finally:
        process.kill()
        process.communicate()


@contextmanager
def sandbox(snippet: Snippet, folder: Path) -> Iterator[str]:
    """The sandbox that a snippet starts, on a free port; its base URL."""
    (command,) = commands(snippet, URL)
    assert command.prints == (URL,)
    words = tuple("0" if word == "8090" else word for word in command.words)
    assert words != command.words
    with started(Command(words, ()), folder) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()

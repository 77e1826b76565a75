"""Commands of a document, run as its reader would run them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Ended, Forked

ENOUGH_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a console snippet, as words, and the lines that it prints among others."""

    words: tuple[str, ...]
    prints: tuple[str, ...]


def commands_of(text: str) -> list[Command]:
    """The commands of a console snippet: lines that begin with ``$``, each with the lines below it."""
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Command(tuple(line[2:].split()), ()))
        else:
            found[-1] = Command(found[-1].words, (*found[-1].prints, line))
    return found


def environment() -> Mapping[str, str]:
    """That of this process, with the program on the path."""
    scripts = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}


def run(command: Command, folder: Path) -> str:
    """Runs a command, which ends with 0; gives what it printed."""
    done = subprocess.run(
        command.words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=ENOUGH_SECONDS
    )
    return _judged(command, Ended(done.returncode, done.stdout, done.stderr))


def run_forked(command: Command, folder: Path, printed: Path) -> str:
    """As ``run``, but ``fhir-msc`` in a process that has its modules loaded, for where there are many commands.
    ``printed`` is a folder that takes what it prints."""
    program, *arguments = command.words
    if program != "fhir-msc":
        return run(command, folder)
    return _judged(command, Forked(printed, *arguments, cwd=folder).wait())


def _judged(command: Command, done: Ended) -> str:
    said = f"$ {' '.join(command.words)}\n{done.out}\n{done.err}"
    assert done.code == 0, said
    for line in command.prints:
        assert line in done.out, said
    return done.out


@contextmanager
def started(command: Command, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A command that runs until it is told to end by SIGTERM, and then ends with 0."""
    process = subprocess.Popen(
        command.words, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=ENOUGH_SECONDS)
        assert process.returncode == 0, f"{output}\n{errors}"
    finally:
        process.kill()
        process.communicate()

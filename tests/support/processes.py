"""Commands as processes of their own, which can be killed.

``forked`` starts one from a process that has its modules loaded already: a start then costs a fifth of what it costs
from the command line, which ``spawned`` uses. Either way it is the same command, in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.preloaded"])
_PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit code (minus the signal that killed it), stdout and stderr."""

    code: int
    out: str
    err: str


class Forked:
    """A command in a process forked from one that has all modules loaded. ``folder`` takes what it prints."""

    def __init__(self, folder: Path, *arguments: object, cwd: Path | None = None) -> None:
        self._folder = folder
        self._process: BaseProcess = _CONTEXT.Process(
            target=_run, args=([str(one) for one in arguments], str(folder), str(cwd or Path.cwd()))
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def signal(self, number: int) -> None:
        """Sends a signal, if it still runs."""
        _signal(self.pid, number)

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.is_alive()

    def wait_for(self, seconds: float) -> None:
        """Waits so long, or until it ends."""
        self._process.join(seconds)

    def wait(self) -> Ended:
        """Waits for its end."""
        self._process.join(_PATIENCE)
        code = self._process.exitcode
        assert code is not None, "it did not end"
        self._process.close()
        return Ended(code, *(self._folder.joinpath(name).read_text("utf-8") for name in ("out", "err")))


class Spawned:
    """A command as the command line starts it."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self._folder = folder
        with folder.joinpath("out").open("wb") as out, folder.joinpath("err").open("wb") as err:
            self._process = subprocess.Popen(
                [Path(sys.executable).with_name("fhir-msc"), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self.pid = self._process.pid

    def signal(self, number: int) -> None:
        """Sends a signal, if it still runs."""
        self._process.send_signal(number)

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait_for(self, seconds: float) -> None:
        """Waits so long, or until it ends."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def wait(self) -> Ended:
        """Waits for its end."""
        code = self._process.wait(_PATIENCE)
        return Ended(code, *(self._folder.joinpath(name).read_text("utf-8") for name in ("out", "err")))


@contextmanager
def sandbox(database: Path) -> Iterator[str]:
    """A sandbox in a process of its own, its resources in a file. Gives its base URL."""
    command = [Path(sys.executable).with_name("fhir-msc"), "sandbox", "--port", "0", "--database", database]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _run(arguments: list[str], folder: str, cwd: str) -> None:
    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(Path(folder) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(cwd)
    from fhir_msc.cli.app import run

    sys.exit(run(arguments))

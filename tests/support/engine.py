"""HL7's Java validator (tests/hapi/engine) as a co-process: one resource in, its messages out. Offline."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .hapi import HapiError, java_command, unavailable_reason

_START_TIMEOUT = 180.0
_ANSWER_TIMEOUT = 120.0
_NEWLINES = bytes.maketrans(b"\r\n", b"  ")


@dataclass(frozen=True, slots=True)
class EngineMessage:
    """One thing the engine says about a resource."""

    severity: str
    """`fatal`, `error`, `warning` or `information`."""
    location: str
    """The element, as a FHIRPath (`Patient.contact[0].gender`)."""
    message: str


def engine_unavailable_reason() -> str | None:
    """Why the engine can be neither built nor started here, in one line; None if it can."""
    return unavailable_reason("engine")


class Hl7Engine:
    """The engine, running between `with` and the end of its block; one caller at a time.

    `packages` are archives of FHIR packages whose profiles and value sets it knows. With `optimise` the compiler of the
    Java machine takes all its steps: slower for the first thousands of resources, faster once warm, so for benchmarks.
    With ``as_published`` nothing stands in front of HL7's classes (see tests/hapi/README.md): the same answers, and its
    own speed.
    """

    def __init__(
        self,
        *,
        heap: str = "1g",
        packages: Sequence[Path] = (),
        optimise: bool = False,
        as_published: bool = False,
    ) -> None:
        self._options = [f"-Xmx{heap}", *([] if optimise else ["-XX:TieredStopAtLevel=1"])]
        self._as_published = as_published
        self._packages = tuple(str(path) for path in packages)
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    def validate(self, body: Mapping[str, Any] | bytes | str) -> list[EngineMessage]:
        """What the engine says about the resource. Give bytes or text where numbers must stay as written."""
        text = json.dumps(body) if isinstance(body, Mapping) else body
        line = text.encode() if isinstance(text, str) else text
        answer = self._ask(line.translate(_NEWLINES) + b"\n", _ANSWER_TIMEOUT)
        return [EngineMessage(**message) for message in answer["messages"]]

    def errors(self, body: Mapping[str, Any] | bytes | str) -> list[EngineMessage]:
        """The messages for which the engine would refuse the resource."""
        return [message for message in self.validate(body) if message.severity in {"error", "fatal"}]

    def __enter__(self) -> Self:
        main = "org.fhirmsc.hapi.Engine"
        command = java_command("engine", main, *self._options, as_published=self._as_published)
        command += self._packages
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, cwd=tempfile.gettempdir()
        )
        try:
            self._ask(b"", _START_TIMEOUT)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _ask(self, line: bytes, timeout: float) -> dict[str, Any]:
        process, errors = self._process, self._errors
        if process is None or errors is None or process.stdin is None or process.stdout is None:
            raise HapiError("the engine is not running; use it as a context manager")
        # A killed process ends the reading below: that is what bounds it.
        watch = threading.Timer(timeout, process.kill)
        watch.start()
        try:
            process.stdin.write(line)
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        finally:
            watch.cancel()
        if not answer:
            errors.seek(0)
            tail = errors.read()[-3000:].decode(errors="replace")
            raise HapiError(f"the engine gave no answer (exit code {process.wait()}):\n{tail}")
        found: dict[str, Any] = json.loads(answer)
        return found

    def _close(self) -> None:
        if self._process:
            self._process.kill()
            # Closes the pipes too.
            self._process.communicate()
            self._process = None
        if self._errors:
            self._errors.close()
            self._errors = None

"""What HL7's engine says of a document, kept by the document's hash: it does some eighty a second, a file more."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.engine import EngineMessage, Hl7Engine
from tests.support.hapi import sources_checksum
from tests.support.packages import fetched

CRASHED = "the engine failed"
"""How a message begins that tells of an exception of the engine's own, which is no verdict."""

Errors = tuple[EngineMessage, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one side says: the errors, none where it accepts the document; ``crashed`` where it gave no verdict."""

    errors: Errors

    @property
    def crashed(self) -> bool:
        """Whether the engine itself failed."""
        return any(error.message.startswith(CRASHED) for error in self.errors)


class Verdicts:
    """The engine with a memory in ``folder``; without an engine of its own it starts one at the first new document.

    ``packages`` are those that it knows beside R4, as ``name@version``.
    """

    def __init__(self, folder: Path, engine: Hl7Engine | None = None, packages: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._packages = tuple(packages)
        known = f"-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:8]}" if packages else ""
        self._file = folder / f"engine-{sources_checksum('engine')[:12]}{known}.jsonl"
        self._known: dict[str, Errors] = dict(self._read())
        self._engine = engine
        self._own: Hl7Engine | None = None

    def of(self, body: bytes) -> Verdict:
        """The engine's verdict of a document."""
        key = hashlib.sha256(body).hexdigest()
        if key not in self._known:
            self._known[key] = tuple(self._running().errors(body))
            row = {"sha256": key, "errors": [[e.severity, e.location, e.message] for e in self._known[key]]}
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        return Verdict(self._known[key])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own is not None:
            self._own.__exit__(kind, error, trace)

    def _running(self) -> Hl7Engine:
        if self._engine is None:
            self._own = self._engine = Hl7Engine(packages=[fetched(one) for one in self._packages]).__enter__()
        return self._engine

    def _read(self) -> Iterable[tuple[str, Errors]]:
        if self._file.exists():
            for line in self._file.read_text("utf-8").splitlines():
                row = json.loads(line)
                yield row["sha256"], tuple(EngineMessage(*error) for error in row["errors"])

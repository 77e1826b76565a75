"""Non-interference: what a project gives to the world, byte by byte, so that two runs of it can be compared.

``Rig`` is a project in a folder. ``observe`` runs every command on it, with a fixed clock, fixed chance and a server
in memory, and keeps all that leaves: requests, the ledger, bodies, reports, errors, exit codes, log lines, the config
that ``init`` writes. Whoever is blind sees nothing else.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from unittest.mock import patch

import httpx

from fhir_msc import access, oversight, pipeline
from fhir_msc.cli.app import run
from fhir_msc.errors import FhirMscError
from fhir_msc.resources.registry import RANKS
from fhir_msc.sync import dispatch
from tests.support.fakeserver import FakeServer

SECRET = "0123456789abcdef" * 4
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_OF_THE_TRANSPORT = frozenset({"host", "user-agent", "date", "connection", "accept-encoding"})
_RANDOM = (re.compile(rb'(?<=identity = ")[0-9a-f]+'), re.compile(rb'(?<="timestamp": ")[^"]+'))

LOTS = ("SYN-LOT-2C", "SYN-VEHICLE-1", "nothing")
"""What is asked for as a lot: one of cells, one of vehicle, one that is none."""

Observed = Mapping[str, bytes]
"""What was seen, by where."""

Files = Mapping[str, bytes]
"""The export's files by name."""


@dataclass
class Recorder:
    """A FHIR server in memory that keeps every request as it came."""

    server: FakeServer = field(default_factory=lambda: FakeServer(integrity=False))
    requests: list[bytes] = field(default_factory=list)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        headers = sorted(
            f"{name}: {value}" for name, value in request.headers.items() if name.lower() not in _OF_THE_TRANSPORT
        )
        head = "\n".join([f"{request.method} {request.url}", *headers])
        self.requests.append(head.encode() + b"\n\n" + request.content)
        if request.url.path.endswith("/metadata"):
            return httpx.Response(200, json=_STATEMENT, headers={"Content-Type": "application/fhir+json"})
        return self.server._handle(request)


_UNNAMED = ("AdverseEvent", "BiologicallyDerivedProduct", "Provenance")
"""R4 has no search by identifier for these."""

_STATEMENT = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "format": ["json"],
    "rest": [
        {
            "mode": "server",
            "interaction": [{"code": "transaction"}],
            "resource": [
                {
                    "type": type,
                    "updateCreate": True,
                    "interaction": [{"code": code} for code in ("create", "read", "update", "search-type")],
                    "searchParam": [] if type in _UNNAMED else [{"name": "identifier", "type": "token"}],
                }
                for type in (*RANKS, "Flag")  # an integrator's own builder makes Flags
            ],
        }
    ],
}


@dataclass
class Rig:
    """A project in ``root/project`` over the export in ``root/data``; the process must stand in ``root``.

    ``config`` is the text of its TOML, ``pack`` and ``source`` what ``mapping check`` and ``init`` are given. Requests
    are sent one by one in the thread that owns the ledger, for what the system's scheduler makes of ``threads`` is
    another order each time.
    """

    root: Path
    config: str
    pack: str
    source: str = "data"
    threads: bool = False

    def lay(self, files: Files, *, anew: bool, seed: int) -> None:
        """Writes the export, with times of change that mean nothing; ``anew`` also forgets ledger and secret."""
        random = Random(seed)
        self._clear("data")
        if anew:
            self._clear("project")
            self._clear("fresh")
            project = self.root / "project"
            project.mkdir()
            (project / "fhir-msc.toml").write_text(self.config, "utf-8")
            (project / "secret").touch(mode=0o600)
            (project / "secret").write_text(SECRET + "\n", "ascii")
        for name, content in files.items():
            path = self.root / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            then = random.randrange(10**9, 2 * 10**9)
            os.utime(path, (then, then))

    def _clear(self, name: str) -> None:
        shutil.rmtree(self.root / name, ignore_errors=True)

    def observe(self, *exports: Files, seed: int = 0, whole: bool = False, send: bool = True) -> Observed:
        """Everything that leaves when the project is run on these exports one after the other, over one ledger.

        Without ``whole`` only the two commands that say it all run: ``map`` and ``sync``, as JSON with values; without
        ``send`` only the first of them.
        """
        seen: dict[str, bytes] = {}
        recorder = Recorder()
        there = ("--project", "project")
        for number, files in enumerate(exports, start=1):
            self.lay(files, anew=number == 1, seed=seed + number)
            bodies = self.root / "project" / "bodies.ndjson"
            seen |= command(f"{number} map", "map", *there, "--json", "--show-values", "--output", str(bodies))
            seen[f"{number} bodies"] = bodies.read_bytes() if bodies.exists() else b""
            if whole and number == 1:
                seen |= self._offline()
            if not send:
                continue
            with surroundings(recorder, self.threads):
                if whole:
                    seen |= self._looking(recorder, f"{number} before")
                seen |= command(f"{number} sync", "sync", *there, "--json", "--show-values")
                if whole:
                    seen |= command(f"{number} sync again", "sync", *there, "--show-values")
                    seen |= command(f"{number} worker", "worker", *there)
                    sent = len(recorder.requests)
                    numbers = self.root / "project" / "numbers.csv"
                    seen |= command(f"{number} reconcile", "reconcile", *there, "--csv", str(numbers))
                    seen |= command(f"{number} reconcile --json", "reconcile", *there, "--json")
                    seen[f"{number} reconcile --csv"] = numbers.read_bytes() if numbers.exists() else b""
                    seen |= command(f"{number} plan", "plan", *there)
                    seen |= command(f"{number} plan --json", "plan", *there, "--json")
                    seen[f"{number} asked of the server"] = b"\n\n".join(recorder.requests[sent:])
                    del recorder.requests[sent:]
                    seen |= self._looking(recorder, f"{number} after")
            if whole:
                seen |= command(f"{number} status", "status", *there)
                seen |= command(f"{number} status --json", "status", *there, "--json")
                seen |= self._questions(number)
                seen |= self._traced(number)
            seen[f"{number} requests"] = b"\n\n".join(recorder.requests)
            seen[f"{number} ledger"] = dump(self.root / "project" / "state" / "ledger.db")
        return seen

    def _questions(self, number: int) -> dict[str, bytes]:
        seen: dict[str, bytes] = {}
        listed = self.root / "project" / "queries.csv"
        for options in ((), ("--show-values",), ("--json",), ("--json", "--show-values")):
            said = " ".join((f"{number} queries", *options))
            seen |= command(said, "queries", "--project", "project", "--csv", str(listed), *options)
            seen[f"{said} --csv"] = listed.read_bytes() if listed.exists() else b""
        return seen

    def _offline(self) -> dict[str, bytes]:
        seen: dict[str, bytes] = {}
        there = ("--project", "project")
        seen |= command("map", "map", *there)
        report = self.root / "project" / "found.sarif"
        seen |= command("validate", "validate", *there, "--show-values", "--report", f"sarif={report}")
        seen["validate's places"] = report.read_bytes() if report.exists() else b""
        seen |= command("validate --json", "validate", *there, "--json")
        for option in ("--show-values", "--json"):
            check = ("mapping", "check", self.pack, "--source", self.source, option)
            seen |= command(f"mapping check {option}", *check)
        target = ("--target", "http://127.0.0.1:1/fhir")
        seen |= command("init", "init", "fresh", "--pack", self.pack, "--source", self.source, *target)
        config = self.root / "fresh" / "fhir-msc.toml"
        seen["init's config"] = _masked(config.read_bytes()) if config.exists() else b""
        return seen

    def _looking(self, recorder: Recorder, when: str) -> dict[str, bytes]:
        """The commands that ask the server and write nothing; their requests stand apart."""
        seen: dict[str, bytes] = {}
        sent = len(recorder.requests)
        plan, drift = self.root / "project" / "plan.json", self.root / "project" / "drift.csv"
        there = ("--project", "project", "--show-values")
        for option in ((), ("--json",)):
            name = " ".join(("plan", *option))
            seen |= command(f"{when} {name}", "plan", *there, "--output", str(plan), *option)
            name = " ".join(("verify", *option))
            seen |= command(f"{when} {name}", "verify", *there, "--csv", str(drift), *option)
        for path in (plan, drift):
            seen[f"{when} {path.name}"] = _masked(path.read_bytes()) if path.exists() else b""
        seen[f"{when}: requests of looking"] = b"\n\n".join(recorder.requests[sent:])
        del recorder.requests[sent:]
        return seen

    def _traced(self, number: int) -> dict[str, bytes]:
        """The commands that read the ledger: a key of each type, a row of each table, a participant, a lot."""
        seen: dict[str, bytes] = {}
        there = ("--project", "project")
        for option in ((), ("--json",)):
            for name in (("corrections",), ("audit", "verify"), ("study",)):
                seen |= command(f"{number} {' '.join((*name, *option))}", *name, *there, *option)
            # As JSON all of them; as text, which says the same, a few.
            for what in self._to_trace()[:: 1 if option else 5]:
                seen |= command(f"{number} trace {what} {' '.join(option)}", "trace", what, *there, *option)
            for start in (*(("--lot", lot) for lot in LOTS), ("--subject", self._subject())):
                asked = ("trace", *start, *there, "--show-values", *option)
                seen |= command(f"{number} {' '.join(('trace', *start, *option))}", *asked)
        return seen

    def _to_trace(self) -> list[str]:
        database = self.root / "project" / "state" / "ledger.db"
        if not database.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            keys = connection.execute("SELECT type, min(rid) FROM resource GROUP BY type ORDER BY type").fetchall()
            rows = connection.execute(
                "SELECT source, min(coalesce(key, row)) AS place FROM origin "
                "GROUP BY source HAVING place IS NOT NULL ORDER BY source"
            ).fetchall()
        return [self._subject(), *(f"{type}/{rid}" for type, rid in keys), *(f"{name}:{row}" for name, row in rows)]

    def _subject(self) -> str:
        """A participant of the ones that leave, as the source has it."""
        bodies = self.root / "project" / "bodies.ndjson"
        for line in bodies.read_bytes().splitlines() if bodies.exists() else ():
            body = json.loads(line)
            if body["resourceType"] == "ResearchSubject":
                return str(next(one["value"] for one in body["identifier"] if one["system"].endswith("/id/subject")))
        return "nobody"

    def raw_state(self) -> bytes:
        """Every byte that lies in the project's folder but for the config: ledger, write-ahead log, lock, bodies."""
        files = sorted(path for path in (self.root / "project").rglob("*") if path.is_file())
        return b"\n".join(path.read_bytes() for path in files if path.name != "fhir-msc.toml")


@contextlib.contextmanager
def surroundings(recorder: Recorder, threads: bool) -> Iterator[None]:
    """Every run in the block has a clock that stands, chance that repeats, and the recorder's server."""
    kept = access.Surroundings

    def fixed(**given: object) -> access.Surroundings:
        return kept(clock=lambda: NOW, random=Random(7).random, transport=recorder.transport(), stop=_Once(given))

    senders = contextlib.nullcontext() if threads else patch.object(dispatch, "Senders", _InThisThread)
    with contextlib.ExitStack() as patched:
        for module in (access, pipeline, oversight):
            patched.enter_context(patch.object(module, "Surroundings", fixed))
        patched.enter_context(senders)
        yield


class _InThisThread:
    """Senders that ask at once."""

    def __init__(self, _number: int) -> None:
        pass

    def submit(self, ask: Callable[[], object]) -> Future[object]:
        future: Future[object] = Future()
        try:
            future.set_result(ask())
        except FhirMscError as error:
            future.set_exception(error)
        return future

    def close(self, *, wait: bool) -> None:
        pass


class _Once(threading.Event):
    """The command's own wish to stop, which a worker gets when it first waits."""

    def __init__(self, given: Mapping[str, object]) -> None:
        super().__init__()
        self._given = given.get("stop")

    def is_set(self) -> bool:
        return super().is_set() or (isinstance(self._given, threading.Event) and self._given.is_set())

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


def command(name: str, *arguments: str) -> dict[str, bytes]:
    """Exit code, stdout and stderr of a command, run in this process."""
    out, err = _stream(), _stream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    out.flush()
    err.flush()
    return {
        f"{name}: exit code": str(code).encode(),
        f"{name}: stdout": _masked(out.buffer.getvalue()),  # type: ignore[attr-defined]
        f"{name}: stderr": _masked(err.buffer.getvalue()),  # type: ignore[attr-defined]
    }


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _masked(text: bytes) -> bytes:
    for pattern in _RANDOM:
        text = pattern.sub(b"*", text)
    return text


def dump(database: Path) -> bytes:
    """All tables of a ledger with all their rows, by name and row number."""
    if not database.exists():
        return b""
    lines: list[str] = []
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        objects = connection.execute("SELECT name, type, sql FROM sqlite_master ORDER BY type, name").fetchall()
        for name, kind, statement in objects:
            lines.append(f"{kind} {name} {statement}")
            if kind == "table":
                rows = connection.execute(f'SELECT rowid, * FROM "{name}" ORDER BY rowid').fetchall()
                lines += [repr(row) for row in rows]
    return "\n".join(lines).encode()


def differences(one: Observed, other: Observed) -> list[str]:
    """Where two runs differ; empty if nobody can tell them apart."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def excerpt(one: Observed, other: Observed, where: str, width: int = 200) -> str:
    """Both sides of the first difference, for a failing test."""
    a, b = one.get(where, b""), other.get(where, b"")
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    start = max(0, at - width // 2)
    return f"{where}:\n  {a[start : at + width]!r}\n  {b[start : at + width]!r}"


def assert_same(one: Observed, other: Observed) -> None:
    """Fails where two runs can be told apart, and shows the first difference of each place."""
    found = differences(one, other)
    assert not found, "\n".join(excerpt(one, other, where) for where in found[:4])


def bodies_sent(requests: bytes) -> list[dict[str, object]]:
    """The resources in recorded transactions."""
    found: list[dict[str, object]] = []
    for line in requests.splitlines():
        if line.startswith(b'{"resourceType":"Bundle"'):
            found += [entry["resource"] for entry in json.loads(line)["entry"]]
    return found


def places(found: Sequence[str]) -> set[str]:
    """The kinds of places in what ``differences`` gave, without the number of the run."""
    return {re.sub(r"^\d ", "", name).partition(":")[0] for name in found}

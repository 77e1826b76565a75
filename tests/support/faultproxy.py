"""An HTTP proxy between ``fhir-msc`` and a FHIR server that does harm at one chosen write, and remembers all of them.

It stands where a network stands: what it has passed on, the server has done, whether or not the client ever hears of
it. So what it remembers is the server's side of the story.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Moment(StrEnum):
    """When in the life of a write the harm is done."""

    BEFORE_ARRIVAL = "before the server has it"
    AFTER_COMMIT = "after the server has done it, before its answer"
    AFTER_ANSWER = "right after its answer"
    CUT = "connection cut after the server has done it"
    UNHURT = "while the server does it, whose answer arrives"


@dataclass(frozen=True, slots=True)
class Fault:
    """``act`` is done at the ``at``-th write from now, counted from 1."""

    moment: Moment
    at: int
    act: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Sent:
    """One resource of a write: its type and id, its body as text, whether it replaces a version (If-Match)."""

    place: str
    body: str
    replaces: bool


@dataclass(slots=True)
class Write:
    """One request that may change the server. ``status`` is the server's answer; ``None`` where it never had it."""

    sent: tuple[Sent, ...]
    status: int | None = None

    @property
    def done(self) -> bool:
        """Whether the server has done it."""
        return self.status is not None and 200 <= self.status < 300


class FaultProxy:
    """The proxy, on a free port of loopback, while the context lasts. ``upstream`` is the server's base URL."""

    def __init__(self, upstream: str) -> None:
        place = urlsplit(upstream)
        assert place.hostname is not None
        assert place.port is not None
        self._upstream = (place.hostname, place.port)
        self._path = place.path
        self._changed = threading.Condition()
        self._in_flight = 0
        self._faults: dict[int, Fault] = {}
        self.requests = 0
        self.writes: list[Write] = []

    @property
    def base_url(self) -> str:
        """The FHIR base as the client is to know it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._path}"

    def arm(self, *faults: Fault) -> None:
        """From now on the faults wait for their writes; others wait no longer."""
        with self._changed:
            self._faults = {len(self.writes) + fault.at: fault for fault in faults}

    def wait_until_quiet(self) -> None:
        """Waits until the server has answered all that it was asked."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._in_flight == 0, timeout=60)

    def __enter__(self) -> Self:
        proxy = self

        class Handler(_Handler):
            def handle_one(self) -> None:
                proxy.pass_on(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="fault proxy")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def pass_on(self, handler: _Handler) -> None:
        """Takes one request to the server, and its answer back, if the fault lets it."""
        length = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(length)
        if len(body) < length:  # the client died in the middle of it
            handler.close_connection = True
            return
        write, fault = self._arrived(handler, body)
        moment = fault.moment if fault else None
        try:
            if fault and moment in (Moment.BEFORE_ARRIVAL, Moment.UNHURT):
                fault.act()
            if moment is Moment.BEFORE_ARRIVAL:
                handler.close_connection = True
                return
            status, headers, content = handler.forward(self._upstream, body)
            if write is not None:
                write.status = status
            if fault and moment is Moment.AFTER_COMMIT:
                fault.act()
            if moment in (Moment.AFTER_COMMIT, Moment.CUT):
                handler.close_connection = True
                return
            handler.answer(status, headers, content)
            if fault and moment is Moment.AFTER_ANSWER:
                fault.act()
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _arrived(self, handler: _Handler, body: bytes) -> tuple[Write | None, Fault | None]:
        is_write = handler.command in ("POST", "PUT", "DELETE") and not handler.path.endswith("/_search")
        write = Write(_sent(body)) if is_write else None
        with self._changed:
            self.requests += 1
            self._in_flight += 1
            fault = None
            if write is not None:
                self.writes.append(write)
                fault = self._faults.pop(len(self.writes), None)
            self._changed.notify_all()
        return write, fault


class _Handler(BaseHTTPRequestHandler):
    """One connection of the client, with one of its own to the server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    upstream: http.client.HTTPConnection | None = None

    def do_GET(self) -> None:
        try:
            self.handle_one()
        except ConnectionError:  # the client is dead, as was wanted
            self.close_connection = True

    do_POST = do_PUT = do_DELETE = do_GET

    def handle_one(self) -> None:
        raise NotImplementedError

    def forward(self, upstream: tuple[str, int], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The server's answer. The Host header stays the client's, so that links lead back through the proxy."""
        if self.upstream is None:
            self.upstream = http.client.HTTPConnection(*upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        self.upstream.request(self.command, self.path, body or None, headers)
        response = self.upstream.getresponse()
        return response.status, response.getheaders(), response.read()

    def answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        hop = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in hop:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # reset while waiting for the next request: the client was killed
            self.close_connection = True

    def finish(self) -> None:
        if self.upstream is not None:
            self.upstream.close()
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        return


def _sent(body: bytes) -> tuple[Sent, ...]:
    bundle = json.loads(body, parse_float=str)
    return tuple(
        Sent(
            entry["request"]["url"],
            json.dumps(entry.get("resource"), sort_keys=True),
            "ifMatch" in entry["request"],
        )
        for entry in bundle.get("entry", [])
    )

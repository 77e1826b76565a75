"""A FHIR server that says yes to everything and keeps nothing, so that what is measured is the client alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import orjson

from fhir_msc.sandbox.metadata import statement

BASE = "http://sink.test/fhir"
_CREATED = b'{"response":{"status":"201 Created","etag":"W/\\"1\\""}}'
_NOTHING = b'{"resourceType":"Bundle","type":"searchset","total":0,"entry":[]}'


class Sink:
    """Answers requests. ``requests`` and ``written`` (resources) are counted; ``keep`` keeps the bundles as they came.

    ``metadata`` is the CapabilityStatement it answers with; the sandbox's unless given.
    """

    def __init__(self, metadata: bytes | None = None, *, keep: bool = False) -> None:
        self.requests = 0
        self.written = 0
        self.bundles: list[bytes] = []
        self._keep = keep
        self._metadata = metadata or orjson.dumps(statement(BASE, datetime(2026, 1, 1, tzinfo=UTC).isoformat()))
        self._lock = threading.Lock()

    def answer(self, path: str, content: bytes) -> bytes:
        """The answer to a request; one to the base is a transaction."""
        entries = 0
        if path.endswith("/metadata"):
            answer = self._metadata
        elif path.endswith("/_search"):
            answer = _NOTHING
        else:
            entries = len(orjson.loads(content)["entry"])
            answer = b'{"resourceType":"Bundle","type":"transaction-response","entry":[%s]}' % b",".join(
                [_CREATED] * entries
            )
        with self._lock:
            self.requests += 1
            self.written += entries
            if self._keep and entries:
                self.bundles.append(content)
        return answer

    def transport(self) -> httpx.MockTransport:
        """The sink in this process."""

        def handle(request: httpx.Request) -> httpx.Response:
            content = self.answer(request.url.path, request.content)
            return httpx.Response(200, content=content, headers={"Content-Type": "application/fhir+json"})

        return httpx.MockTransport(handle)

    @contextmanager
    def served(self) -> Iterator[str]:
        """The sink on loopback, for another process; gives its base URL."""
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                content = sink.answer(self.path, self.rfile.read(int(self.headers.get("Content-Length", 0))))
                self.send_response(200)
                self.send_header("Content-Type", "application/fhir+json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/fhir"
            finally:
                server.shutdown()
                thread.join()

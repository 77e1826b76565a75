"""A front before a server on loopback that breaks connections: silent, closing, cutting answers short."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

Way = Literal["pass", "silent", "deaf", "cut", "close"]
"""``silent`` and ``deaf`` never answer, ``cut`` answers half, ``close`` hangs up at once. What is ``deaf`` or ``close``
does not reach the server; the others do."""

Choose = Callable[[str], Way]
"""The way of a request, by its first line."""


class Front:
    """Listens on loopback while the context lasts. ``choose`` may be exchanged between requests."""

    def __init__(self, behind: str, choose: Choose) -> None:
        self.choose = choose
        address = urlsplit(behind)
        self._behind = (address.hostname or "", address.port or 0)
        self._path = address.path
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def base_url(self) -> str:
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}{self._path}"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # the listener was closed: the context is over
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            request = _whole_request(connection)
            if not request:
                return
            way = self.choose(request.partition(b"\r\n")[0].decode())
            answer = b"" if way in ("deaf", "close") else self._answer(request)
            if way in ("silent", "deaf"):
                connection.settimeout(None)
                connection.recv(1)  # until the client has had enough
            elif way == "pass":
                connection.sendall(answer)
            elif way == "cut":
                connection.sendall(answer[:-20])

    def _answer(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        with socket.create_connection(self._behind) as server:
            server.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            answer = b""
            while chunk := server.recv(65536):
                answer += chunk
        return answer


def _whole_request(connection: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        content += chunk
    head = content.partition(b"\r\n\r\n")[0].lower()
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(content) < len(head) + 4 + length:
        content += connection.recv(65536)
    return content

"""The sandbox as a running server: in the foreground for the command, in a thread for tests and the demo."""

from __future__ import annotations

import ipaddress
import signal
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette

from fhir_msc.paths import AnyPath
from fhir_msc.sandbox.app import PATH, Intercept, Sandbox
from fhir_msc.sandbox.profiles import OWN, Profile
from fhir_msc.sandbox.store import Store


class SandboxError(Exception):
    """The sandbox cannot start: the address is not on loopback, or the port or the database is in use. ``hint`` names
    the next thing to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def serve(
    port: int,
    *,
    database: Path | None = None,
    host: str = "127.0.0.1",
    on_ready: Callable[[str], None] = lambda base_url: None,
    intercept: Intercept | None = None,
    profile: Profile = OWN,
) -> None:
    """Serve in the main thread until SIGINT or SIGTERM; port 0 takes a free one.

    ``on_ready`` gets the base URL once it answers. Without a database everything is kept in memory. ``intercept`` sees
    each request first; ``profile`` is the server that it plays. Raises SandboxError.
    """
    with _listening(host, port) as listener, closing(_opened(database)) as store, _signals_end_here():
        base_url = _base_url(listener)
        _server(store, intercept, profile, lambda: on_ready(base_url)).run([listener])


class SandboxServer:
    """A sandbox in a thread of this process, on a free port of loopback, while the context lasts."""

    def __init__(
        self,
        *,
        port: int = 0,
        database: AnyPath | None = None,
        host: str = "127.0.0.1",
        intercept: Intercept | None = None,
        profile: Profile = OWN,
    ) -> None:
        self._port = port
        self._database = None if database is None else Path(database)
        self._host = host
        self._intercept = intercept
        self._profile = profile
        self._base_url: str | None = None

    @property
    def base_url(self) -> str:
        """The FHIR base, without a slash at its end."""
        if self._base_url is None:
            raise SandboxError("the sandbox is not running")
        return self._base_url

    def __enter__(self) -> Self:
        self._listener = _listening(self._host, self._port)
        try:
            self._store = _opened(self._database)
        except SandboxError:
            self._listener.close()
            raise
        ready = threading.Event()
        self._server = _server(self._store, self._intercept, self._profile, ready.set)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), name="fhir_msc sandbox")
        self._thread.start()
        ready.wait()
        self._base_url = _base_url(self._listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base_url = None
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        self._store.close()


def _server(
    store: Store, intercept: Intercept | None, profile: Profile, on_ready: Callable[[], None]
) -> uvicorn.Server:
    application = Sandbox(store, lambda: str(uuid.uuid4()), intercept, profile).application()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        on_ready()  # the socket listens already: whoever connects now is answered
        yield

    application.router.lifespan_context = lifespan
    # No access log: a URL can carry what was searched for.
    config = uvicorn.Config(
        application, lifespan="on", log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=2
    )
    return uvicorn.Server(config)


@contextmanager
def _signals_end_here() -> Iterator[None]:
    """uvicorn raises the signal that stopped it once more, for whoever handled it before."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listening(host: str, port: int) -> socket.socket:
    if not _is_loopback(host):
        raise SandboxError(f"{host} is not a loopback address; the sandbox has no access control")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off (40 ms per answer) only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SandboxError(
            f"port {port} of {host} cannot be used: {error.strerror}", "name a free port with --port, or 0 to take one"
        ) from error
    listener.listen(128)
    return listener


def _opened(database: Path | None) -> Store:
    try:
        return Store(database, lambda: time.time_ns() // 1_000_000)
    except sqlite3.Error as error:
        raise SandboxError(
            f"the database {database} cannot be used: {error}",
            "name an SQLite file of a sandbox with --database, or a new one in a folder that takes writes",
        ) from error


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}{PATH}" if ":" in host else f"http://{host}:{port}{PATH}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""The credentials on every request of a client, renewed when the server refuses them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator

import httpx


class Login(httpx.Auth):
    """Sets the Authorization header; on a 401 reads the credentials anew, once, and asks again if they differ.

    A request that was answered 401 was not applied, so repeating it is safe. ``authorization`` reads the header's
    value (a file, a variable, a command that prints a token); it runs once at a time, and threads that were refused
    with the same old value share the new one.
    """

    def __init__(self, authorization: Callable[[], str]) -> None:
        self._authorization = authorization
        self._lock = threading.Lock()
        self._current: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """As httpx asks for it."""
        used = self._value(refused=None)
        request.headers["Authorization"] = used
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        renewed = self._value(refused=used)
        if renewed != used:
            request.headers["Authorization"] = renewed
            yield request

    def _value(self, refused: str | None) -> str:
        with self._lock:
            if self._current is None or self._current == refused:
                self._current = self._authorization()
            return self._current

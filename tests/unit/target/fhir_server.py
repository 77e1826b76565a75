"""A FHIR server of canned answers: what was asked is kept, what is answered is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import httpx

from fhir_msc.target.client import FhirClient

BASE = "https://fhir.example/r4"

Answer = httpx.Response | Exception


class CannedServer:
    """Answers one after another; ``asked`` keeps the requests."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = iter(answers)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        # a copy: the same request is sent again with other credentials
        self.asked.append(
            httpx.Request(request.method, request.url, headers=request.headers.copy(), content=request.content)
        )
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def lines(self) -> list[str]:
        """Method and path with query of what was asked."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.asked]

    def form(self, index: int) -> dict[str, list[str]]:
        """The form body of a search."""
        return parse_qs(self.asked[index].content.decode())


def client_of(*answers: Answer, base: str = BASE, **options: Any) -> tuple[FhirClient, CannedServer]:
    """A client and the server it talks to; nothing sleeps and nothing is random."""
    server = CannedServer(answers)
    random: Callable[[], float] = options.pop("random", lambda: 0.5)
    client = FhirClient(
        base,
        transport=httpx.MockTransport(server),
        sleep=server.slept.append,
        random=random,
        now=lambda: 0.0,
        **options,
    )
    return client, server


def fhir(document: dict[str, Any] | bytes, status: int = 200, **headers: str) -> httpx.Response:
    """An answer in FHIR JSON; underscores in header names become hyphens."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=content, headers={"Content-Type": "application/fhir+json", **named})


def html(status: int = 200) -> httpx.Response:
    """A login page."""
    return httpx.Response(
        status, content=b"<!DOCTYPE html><html>Sign in, Mustermann</html>", headers={"Content-Type": "text/html"}
    )


def outcome(*codes: str, **more: Any) -> dict[str, Any]:
    """An OperationOutcome with an error of each code."""
    issues = [{"severity": "error", "code": code, "diagnostics": "Mustermann 1951", **more} for code in codes]
    return {"resourceType": "OperationOutcome", "issue": issues}


def bundle(kind: str, *entries: dict[str, Any], next: str | None = None, **more: Any) -> dict[str, Any]:
    """A Bundle."""
    links = [{"relation": "next", "url": next}] if next else []
    return {"resourceType": "Bundle", "type": kind, "link": links, "entry": list(entries), **more}


def observation(id: str, version: str = "1", **more: Any) -> dict[str, Any]:
    """An Observation."""
    return {"resourceType": "Observation", "id": id, "meta": {"versionId": version}, **more}

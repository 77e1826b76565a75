"""The server as an ASGI application: URLs, headers and status codes around the interactions.

Every request runs from its first to its last byte in one thread: there is never more than one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fhir_msc.sandbox import bodies, bundles, interactions, metadata
from fhir_msc.sandbox.interactions import Answer, Work
from fhir_msc.sandbox.outcome import Refused, outcome
from fhir_msc.sandbox.pages import Pages
from fhir_msc.sandbox.profiles import OWN, Profile
from fhir_msc.sandbox.store import Store, Version, instant, moment

PATH = "/fhir"
JSON = "application/fhir+json;charset=UTF-8"

Intercept = Callable[[Request], Response | None]
"""Sees each request first; what it returns is the answer, and None lets the request through."""


class Sandbox:
    """The endpoints over one store."""

    def __init__(
        self, store: Store, new_id: Callable[[], str], intercept: Intercept | None, profile: Profile = OWN
    ) -> None:
        self._store = store
        self._profile = profile
        self._new_id = new_id
        self._intercept = intercept
        self._pages = Pages(store, new_id)
        self._started = instant(store.now)

    def application(self) -> Starlette:
        """The ASGI application."""
        get, post = ["GET"], ["POST"]
        routes = [
            Route(f"{PATH}/metadata", self._endpoint(self._metadata), methods=get),
            *(Route(base, self._endpoint(self._base), methods=["GET", "POST"]) for base in (PATH, f"{PATH}/")),
            Route(f"{PATH}/{{type}}", self._endpoint(self._type), methods=["GET", "POST", "PUT"]),
            Route(f"{PATH}/{{type}}/_search", self._endpoint(self._search), methods=post),
            Route(f"{PATH}/{{type}}/_history", self._endpoint(self._history), methods=get),
            Route(f"{PATH}/{{type}}/{{id}}", self._endpoint(self._instance), methods=["GET", "PUT", "DELETE"]),
            Route(f"{PATH}/{{type}}/{{id}}/_history", self._endpoint(self._history), methods=get),
            Route(f"{PATH}/{{type}}/{{id}}/_history/{{version}}", self._endpoint(self._instance), methods=get),
        ]
        application = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_url})
        application.router.redirect_slashes = False
        return application

    def _endpoint(self, handle: Callable[[Request, bytes], Response]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            if self._intercept is not None and (answer := self._intercept(request)) is not None:
                return answer
            try:
                if "json" not in request.query_params.get("_format", "json"):
                    raise Refused(406, "not-supported", "This server speaks JSON only")
                return handle(request, body)
            except Refused as refused:
                place = {"Location": f"{_base_url(request)}/{refused.location}"} if refused.location else {}
                return Response(refused.body(), refused.status, place, JSON)

        return endpoint

    def _metadata(self, request: Request, _: bytes) -> Response:
        return _json(metadata.statement(_base_url(request), self._started, self._profile))

    def _base(self, request: Request, body: bytes) -> Response:
        base = _base_url(request)
        if request.method == "GET":
            if "_getpages" not in request.query_params:
                raise Refused(400, "not-supported", "The base takes bundles by POST")
            return _json(self._pages.next(base, str(request.url), request.query_params.multi_items()))
        bundle = _resource(request, body)

        def get(url: str) -> bytes:
            return self._read_below(base, url)

        whole = _prefers(request) == "representation"
        with self._store.transaction():
            answer = bundles.run(lambda: self._new_work(request), bundle, get, whole=whole)
        return _json(answer)

    def _type(self, request: Request, body: bytes) -> Response:
        type_name = interactions.known_type(request.path_params["type"])
        if request.method == "GET":
            query = request.query_params.multi_items()
            return _json(self._searched(_base_url(request), str(request.url), type_name, query))
        resource = _resource(request, body)
        with self._work(request) as work:
            if request.method == "POST":
                condition = request.headers.get("If-None-Exist")
                answer = interactions.create(work, type_name, resource, condition, None)
            else:
                if_match = request.headers.get("If-Match")
                answer = interactions.conditional_update(work, type_name, request.url.query, resource, if_match, None)
            interactions.settle(work)
        return _answered(request, answer)

    def _search(self, request: Request, body: bytes) -> Response:
        type_name = interactions.known_type(request.path_params["type"])
        try:
            form = parse_qsl(body.decode(), keep_blank_values=True)
        except UnicodeDecodeError as error:
            raise Refused(400, "structure", "The body is not UTF-8") from error
        query = request.query_params.multi_items() + form
        return _json(self._searched(_base_url(request), str(request.url), type_name, query))

    def _history(self, request: Request, _: bytes) -> Response:
        type_name = interactions.known_type(request.path_params["type"])
        identity = request.path_params.get("id")
        self._profile.require(type_name, "history-type" if identity is None else "history-instance")
        query = request.query_params.multi_items()
        return _json(self._pages.history(_base_url(request), str(request.url), type_name, identity, query))

    def _instance(self, request: Request, body: bytes) -> Response:
        type_name, identity = interactions.known_type(request.path_params["type"]), request.path_params["id"]
        if request.method == "GET":
            self._profile.require(type_name, "vread" if "version" in request.path_params else "read")
            version = interactions.read(self._store, type_name, identity, _number(request.path_params.get("version")))
            return Response(version.body, 200, _headers(request, version), JSON)
        if request.method == "PUT":
            resource = _resource(request, body)
            with self._work(request) as work:
                answer = interactions.update(work, type_name, identity, resource, request.headers.get("If-Match"))
                interactions.settle(work)
            return _answered(request, answer)
        with self._work(request) as work:
            deletion = interactions.delete(work, type_name, identity)
            interactions.settle(work)
        if deletion is None:
            return Response(outcome("information", "informational", "There was nothing to delete"), 200, None, JSON)
        return Response(None, 204, {"ETag": f'W/"{deletion.version.number}"'})

    @contextmanager
    def _work(self, request: Request) -> Iterator[Work]:
        with self._store.transaction():
            yield self._new_work(request)

    def _new_work(self, request: Request) -> Work:
        return Work(self._store, self._new_id, self._profile, _replaced(request))

    def _searched(self, base: str, url: str, type_name: str, query: list[tuple[str, str]]) -> dict[str, Any]:
        self._profile.require_search(type_name, [name for name, _ in query])
        return self._pages.search(base, url, type_name, query)

    def _read_below(self, base: str, url: str) -> bytes:
        """What a GET of ``Type/id``, ``Type/id/_history/1`` or ``Type?query`` answers inside a bundle."""
        path, mark, text = url.partition("?")
        parts = path.strip("/").split("/")
        type_name = interactions.known_type(parts[0])
        match parts[1:]:
            case [] if mark:
                query = parse_qsl(text, keep_blank_values=True)
                return bodies.write(self._searched(base, f"{base}/{url}", type_name, query))
            case [identity]:
                return interactions.read(self._store, type_name, identity).body or b""
            case [identity, "_history", version]:
                return interactions.read(self._store, type_name, identity, _number(version)).body or b""
        raise Refused(400, "not-supported", "A GET in a bundle reads one resource or searches one type")


def _answered(request: Request, answer: Answer) -> Response:
    version, prefers = answer.version, _prefers(request)
    headers = _headers(request, version)
    if answer.status == 201 or request.method == "POST":
        headers["Location"] = headers["Content-Location"]
    if prefers == "minimal":
        return Response(None, answer.status, headers)
    if prefers == "OperationOutcome":
        body = outcome("information", "informational", f"Stored as version {version.number}")
        return Response(body, answer.status, headers, JSON)
    return Response(version.body, answer.status, headers, JSON)


def _headers(request: Request, version: Version) -> dict[str, str]:
    return {
        "ETag": f'W/"{version.number}"',
        "Last-Modified": format_datetime(moment(version.updated).replace(microsecond=0), usegmt=True),
        "Content-Location": f"{_base_url(request)}/{version.type}/{version.id}/_history/{version.number}",
    }


def _resource(request: Request, body: bytes) -> bodies.Resource:
    kind = request.headers.get("Content-Type", "application/json")
    if "json" not in kind:
        raise Refused(415, "not-supported", "The Content-Type must be application/fhir+json")
    return bodies.read(body)


def _base_url(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{PATH}"


def _prefers(request: Request) -> str:
    for part in request.headers.get("Prefer", "").replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "return":
            return value
    return ""


def _replaced(request: Request) -> frozenset[str]:
    return frozenset(part.strip() for part in request.headers.get("X-Meta-Snapshot-Mode", "").split(","))


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 15:
        raise Refused(404, "not-found", "There is no such version")
    return int(text)


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), 200, None, JSON)


def _no_such_url(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    refused = Refused(status, "not-supported", "This server has nothing for this URL and method")
    return Response(refused.body(), status, None, JSON)

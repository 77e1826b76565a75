"""One HTTP exchange with the server: the only place where fhir_msc touches the network.

What goes wrong is told apart by what the caller may do next: never sent (``TargetUnreachable``), sent and not answered
(``OutcomeUnknown``, for what changes the server), answered with a no (``TargetRefused``), answered by something that is
no FHIR server (``TargetError``). Messages name the host and the type, never an id, a query or a body.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import httpx

from fhir_msc.errors import OutcomeUnknown, TargetError, TargetRefused, TargetUnreachable, UsageError
from fhir_msc.target.auth import Auth, authorization
from fhir_msc.target.fhirjson import JsonObject, parse
from fhir_msc.target.login import Login
from fhir_msc.target.outcome import reasons_of
from fhir_msc.target.retry import retry_after
from fhir_msc.target.trust import trusting
from fhir_msc.target.urls import check_base, check_proxy

FHIR_JSON = "application/fhir+json"
_CONNECT_SECONDS = 10.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_CHECK_URL = "Check the target's URL: it must be the FHIR base, the one before /metadata."
_HINTS = {
    401: "Check the target's credentials: the server does not take them.",
    403: "Ask the server's operator for the right to do this, or take the type out of the config.",
    404: _CHECK_URL,
    405: "Run fhir-msc target probe: the server does not take this for the type.",
    407: "Check the proxy and its credentials.",
    413: "Lower the target's limit of bytes or entries per bundle.",
    429: "The server throttles: lower the number of connections, or try later.",
    503: "The server is not available; try later.",
}


class Connection:
    """A pool of connections to one FHIR base URL; threads may share it. The parameters are those of ``FhirClient``.

    Redirects are not followed and nothing of the environment (proxy variables, netrc) changes where data goes.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | None,
        folder: Path,
        timeout: float,
        ca_bundle: Path | None,
        proxy: str | None,
        headers: Mapping[str, str] | None,
        connections: int,
        transport: httpx.BaseTransport | None,
        now: Callable[[], float],
    ) -> None:
        self.base = _base(base_url)
        self._now = now
        # Both log request lines at INFO or DEBUG, with ids and queries in them.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.Client(
            auth=Login(lambda: authorization(auth, folder)) if auth is not None else None,
            headers={"Accept": FHIR_JSON, **(headers or {})},
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            verify=_trust(ca_bundle, self.base.scheme),
            proxy=_proxy(proxy),
            transport=transport,
            trust_env=False,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Closes the pool."""
        self._client.close()

    def url(self, path: str) -> httpx.URL:
        """The URL of ``path`` below the base."""
        return self.base.copy_with(path=f"{self.base.path.rstrip('/')}/{path}" if path else self.base.path)

    def ask(
        self,
        method: str,
        url: httpx.URL,
        what: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        changes: bool = False,
        answers: Collection[int] = (),
    ) -> httpx.Response:
        """The server's answer with status 2xx, or one of ``answers``, which answer the question too.

        ``what`` names the request in messages (``PUT Observation``); ``changes`` says that it may change the server.
        Raises TargetUnreachable, OutcomeUnknown, TargetRefused, TargetError.
        """
        try:
            response = self._client.request(method, url, content=body, headers=headers)
        except _NEVER_SENT as error:
            raise TargetUnreachable(
                f"{self._where} cannot be reached ({type(error).__name__})",
                hint="Check the target's URL, that the server runs, and the proxy and CA bundle if there are any.",
            ) from error
        except httpx.RequestError as error:
            name = type(error).__name__
            if changes:
                raise OutcomeUnknown(f"{self._where} did not answer {what} ({name}); it may have done it") from error
            raise TargetUnreachable(f"{self._where} did not answer {what} ({name})") from error
        # httpx lets the stream hold the response: each bundle would stay until Python looks for circles.
        response.stream = httpx.ByteStream(response.content)
        if response.has_redirect_location:
            raise self._redirected(response, what)
        if response.status_code < 300 or (response.status_code in answers and not _is_page(response)):
            return response
        raise self._refused(response, what)

    def document(self, response: httpx.Response, what: str, *, changes: bool = False) -> JsonObject:
        """The JSON object of an answer.

        Raises TargetError when another kind of server answered (HTML, XML), and when the JSON is missing or damaged
        OutcomeUnknown if the request ``changes`` the server, else TargetError.
        """
        if _is_page(response):
            raise self.foreign(f"it answered {what} with {_media_type(response)} instead of JSON")
        try:
            return parse(response.content)
        except ValueError as error:
            found = "no content" if not response.content else "damaged JSON"
            if changes:
                raise OutcomeUnknown(f"{self._where} answered {what} with {found}; it may have done it") from error
            raise self.foreign(f"it answered {what} with {found}") from error

    def foreign(self, seen: str) -> TargetError:
        """The error for an answer that no FHIR server gives."""
        return TargetError(f"{self._where} does not look like a FHIR server: {seen}", hint=_CHECK_URL)

    @property
    def _where(self) -> str:
        return f"the server at {self.base.scheme}://{self.base.netloc.decode('ascii')}"

    def _refused(self, response: httpx.Response, what: str) -> TargetRefused:
        status = response.status_code
        reasons = _reasons(response)
        message = f"{self._where} answered {what} with {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
        if reasons:
            message += f": {'; '.join(reasons[:5])}" + (f" and {len(reasons) - 5} more" if len(reasons) > 5 else "")
        if _is_page(response):
            message += f" and {_media_type(response)} instead of JSON: this does not look like a FHIR server"
        return TargetRefused(
            message,
            status=status,
            reasons=reasons,
            retry_after=retry_after(status, response.headers, self._now()),
            hint=_HINTS.get(status, _CHECK_URL if _is_page(response) else None),
        )

    def _redirected(self, response: httpx.Response, what: str) -> TargetRefused:
        host = response.url.join(response.headers["location"]).host
        return TargetRefused(
            f"{self._where} answered {what} with {response.status_code} and points to {host}; that is not followed",
            status=response.status_code,
            hint="If that is the right server, write its FHIR base as the target's URL (and mind http and https).",
        )


def _base(base_url: str) -> httpx.URL:
    check_base(base_url)
    try:
        return httpx.URL(base_url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise UsageError("the target's URL cannot be read") from error


def _proxy(proxy: str | None) -> httpx.Proxy | None:
    if proxy is None:
        return None
    check_proxy(proxy)
    try:
        return httpx.Proxy(proxy)
    except (ValueError, httpx.InvalidURL) as error:
        raise UsageError("the proxy's URL cannot be used") from error


def _trust(ca_bundle: Path | None, scheme: str) -> ssl.SSLContext | bool:
    if ca_bundle is None:
        # Over plain HTTP nobody is to be trusted, and reading the public authorities takes a tenth of a second.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if scheme == "http" else True
    return trusting(ca_bundle)


def _media_type(response: httpx.Response) -> str:
    media_type: str = response.headers.get("content-type", "")
    return media_type.partition(";")[0].strip() or "text"


def _is_page(response: httpx.Response) -> bool:
    return "html" in _media_type(response) or response.content.lstrip()[:1] == b"<"


def _reasons(response: httpx.Response) -> tuple[str, ...]:
    try:
        return reasons_of(parse(response.content))
    except ValueError:
        return ()

"""What may stand as the address of a server or of a proxy. Asked when a config is read and when a client is made; loads
no HTTP."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from fhir_msc.errors import UsageError

_LIKE_BASE = "Write it like https://fhir.example.org/r4."
_LIKE_PROXY = "Write it like http://proxy.example.org:3128."
_PORTS = {"http": 80, "https": 443}
_SCHEMES = tuple(_PORTS)
_NUMBERS = re.compile(r"[0-9.]+")


def check_base(url: str) -> None:
    """Raises UsageError for what cannot be the base URL of a FHIR server."""
    parts = _parts(url)
    if parts is None:
        raise UsageError("the target's URL cannot be read", hint=_LIKE_BASE)
    if parts.scheme not in _SCHEMES or not parts.hostname or "?" in url or "#" in url:
        raise UsageError(
            "the target's URL must be http:// or https://, then HOST/PATH, without a query", hint=_LIKE_BASE
        )
    if "@" in parts.netloc:
        raise UsageError("the target's URL holds a password", hint="Write basic auth with a secret reference instead.")


def check_proxy(url: str) -> None:
    """Raises UsageError for what cannot be the URL of a proxy."""
    parts = _parts(url)
    if parts is None or parts.scheme not in _SCHEMES or not parts.hostname:
        raise UsageError("the proxy's URL cannot be used: it must be http:// or https://", hint=_LIKE_PROXY)


def canonical(url: str) -> str:
    """A URL as all write it who mean the same: RFC 3986, 6.2.2.1 and 6.2.3, without the slash that a base may end
    with. What cannot be read stays as it is."""
    parts = _parts(url)
    if parts is None or not parts.hostname:
        return url
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _parts(url: str) -> SplitResult | None:
    """The parts of a URL; ``None`` for what is none: a bracket that does not close, a port or a host that is none."""
    if not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.port == 0:
            return None
        if _NUMBERS.fullmatch(host):
            ipaddress.IPv4Address(host)
        elif not host.isascii():
            host.encode("idna")
    except ValueError:  # UnicodeError is one
        return None
    return parts

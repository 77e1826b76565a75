"""The ``next`` link of a Bundle, followed only back to the same server.

A link decides where credentials and the next request go, so it is data to be judged: same scheme, host and port, below
the base path, without credentials of its own.
"""

from __future__ import annotations

import httpx

from fhir_msc.errors import TargetError
from fhir_msc.target.fhirjson import JsonObject, objects, text


def next_url(base: httpx.URL, bundle: JsonObject) -> httpx.URL | None:
    """Where the next page stands, or ``None`` on the last one.

    A relative link is resolved against ``base``, as FHIR resolves what stands in a Bundle. Raises TargetError for a
    link that leads away from the server.
    """
    links = objects(bundle.get("link"))
    target = next((text(link.get("url")) for link in links if link.get("relation") == "next"), None)
    if target is None:
        return None
    try:
        url = _folder(base).join(target).copy_with(fragment=None)
    except httpx.InvalidURL as error:
        raise TargetError(f"the server at {base.host} gave a next link that is no URL") from error
    if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
        place = f"{url.scheme}://{url.netloc.decode('ascii').rpartition('@')[2]}"
        raise TargetError(
            f"the next page of the server at {base.host} leads to {place}, which is not the target",
            hint="Set the target's URL to the one the server gives out, or correct the server's own base URL.",
        )
    if url.userinfo or not _below(base, url):
        raise TargetError(f"the next page of the server at {base.host} leads out of its FHIR base path")
    return url


def _folder(base: httpx.URL) -> httpx.URL:
    return base if base.path.endswith("/") else base.copy_with(path=base.path + "/")


def _below(base: httpx.URL, url: httpx.URL) -> bool:
    # .path is decoded, so that %2e%2e is seen as well
    root = base.path.rstrip("/")
    inside = url.path == root or url.path.startswith(root + "/")
    return inside and ".." not in url.path.replace("\\", "/").split("/")

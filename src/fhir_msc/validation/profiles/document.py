"""What a reference leads to within the document: a contained resource, or an entry of the Bundle around.

http://hl7.org/fhir/R4/bundle.html#references. Nothing else is looked for: what stands elsewhere is not fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_relative = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?(?:#.*)?").fullmatch
_rest = re.compile(r"(https?://.+/)([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?").fullmatch


class Document:
    """The entries of a Bundle, looked up when the first reference is."""

    def __init__(self, bundle: Mapping[str, object] | None = None) -> None:
        self._bundle = bundle
        self._by_url: dict[str, object] | None = None
        self._by_name: dict[str, object] = {}
        self._urls: dict[int, str] = {}
        self.meets: dict[tuple[int, str], bool] = {}
        """Which resources, by identity, meet which profiles: what references lead to is asked once."""

    def target(self, reference: str, root: object) -> Mapping[str, object] | None:
        """The resource that a reference in ``root`` leads to, ``None`` where it is not in this document."""
        if reference.startswith("#"):
            return _contained(root, reference[1:])
        by_url = self._read()
        found = by_url.get(reference.split("#")[0])
        relative = _relative(reference)
        if found is None and relative is not None:
            url = self._urls.get(id(root), "")
            base = _rest(url)
            found = by_url.get(f"{base[1]}{relative[1]}") if base is not None else None
            if found is None and base is None:
                found = self._by_name.get(relative[1])
        return found if isinstance(found, dict) else None

    def _read(self) -> dict[str, object]:
        if self._by_url is None:
            self._by_url = {}
            for entry in _entries(self._bundle):
                url, resource = entry.get("fullUrl"), entry.get("resource")
                if isinstance(url, str):
                    self._by_url.setdefault(url, resource)
                    self._urls[id(resource)] = url
                if isinstance(resource, dict):
                    self._by_name.setdefault(f"{resource.get('resourceType')}/{resource.get('id')}", resource)
        return self._by_url


def _entries(bundle: Mapping[str, object] | None) -> Iterator[Mapping[str, object]]:
    entries = bundle.get("entry") if bundle is not None else None
    for entry in entries if isinstance(entries, (list, tuple)) else ():
        if isinstance(entry, dict):
            yield entry


def _contained(root: object, name: str) -> Mapping[str, object] | None:
    if not isinstance(root, dict):
        return None
    if not name:
        return root
    contained = root.get("contained")
    for resource in contained if isinstance(contained, (list, tuple)) else ():
        if isinstance(resource, dict) and resource.get("id") == name:
            return resource
    return None

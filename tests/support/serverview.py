"""What a FHIR server holds, and ever held, asked over plain HTTP with nothing of fhir_msc.

A body is compared as text in one order of keys, its numbers as they were written, without what a server adds to
``meta``.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

_OF_THE_SERVER = ("versionId", "lastUpdated", "source")
_PAGE = "500"
_MARK = "number as written: "


def plain(body: str | bytes) -> str:
    """A body of ours as it is compared."""
    return _plain(json.loads(body, parse_float=str))


def resent(body: str) -> str:
    """A body that a proxy has seen, as it is compared."""
    return _plain(json.loads(body))


class ServerView:
    """A look at one server."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(timeout=60, trust_env=False)
        self._base = base_url

    def __enter__(self) -> ServerView:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def types(self) -> list[str]:
        """The resource types that the server has."""
        return [one["type"] for one in self._get(f"{self._base}/metadata")["rest"][0]["resource"]]

    def everything(self) -> dict[str, str]:
        """All that the server holds, by ``Type/id``."""
        found: dict[str, str] = {}
        for type in self.types():
            for entry in self._pages(f"{self._base}/{type}?_count={_PAGE}"):
                place = f"{type}/{entry['resource']['id']}"
                assert place not in found, f"{place} is given twice"
                found[place] = _plain(entry["resource"])
        return found

    def versions(self) -> dict[str, list[str]]:
        """Every version of all that the server ever held, the first one first; a deletion is empty."""
        found: dict[str, list[str]] = {}
        for type in self.types():
            for entry in self._pages(f"{self._base}/{type}/_history?_count={_PAGE}"):
                place = "/".join(entry["fullUrl"].rsplit("/", 2)[-2:])
                found.setdefault(place, []).insert(0, _plain(entry["resource"]) if "resource" in entry else "")
        return found

    def these(self, places: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Of these, what is there: its version and its content."""
        found: dict[str, tuple[str, str]] = {}
        by_type: dict[str, list[str]] = {}
        for place in places:
            type, _, id = place.partition("/")
            by_type.setdefault(type, []).append(id)
        for type, ids in by_type.items():
            for start in range(0, len(ids), 100):
                form = {"_id": ",".join(ids[start : start + 100]), "_count": "100"}
                for entry in self._pages(f"{self._base}/{type}/_search", form):
                    one = entry["resource"]
                    assert f"{type}/{one['id']}" not in found
                    found[f"{type}/{one['id']}"] = (one["meta"]["versionId"], _plain(one))
        return found

    def count(self, type: str, **params: str) -> int:
        """How many match."""
        form = {**params, "_summary": "count"}
        answer = self._http.post(f"{self._base}/{type}/_search", data=form)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["total"])

    def read(self, place: str, number: Callable[[str], str] = str) -> Any:
        """One resource, its numbers as text."""
        return self._get(f"{self._base}/{place}", number)

    def status(self, place: str) -> int:
        """The status of reading it."""
        return self._http.get(f"{self._base}/{place}").status_code

    def put(self, place: str, text: str) -> str:
        """Writes a resource as somebody else would; gives its version."""
        headers = {"Content-Type": "application/fhir+json", "Prefer": "return=representation"}
        answer = self._http.put(f"{self._base}/{place}", content=text, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["meta"]["versionId"])

    def delete(self, place: str) -> None:
        """Deletes a resource as somebody else would."""
        answer = self._http.delete(f"{self._base}/{place}")
        assert answer.status_code in (200, 204), answer.text

    def edit(self, place: str, change: Callable[[Any], None]) -> None:
        """Changes a resource as somebody else would. Numbers stay as they are written."""
        content = self.read(place, number=_marked)
        change(content)
        self.put(place, re.sub(f'"{_MARK}([^"]*)"', r"\1", json.dumps(content)))

    def meta_add(self, place: str, system: str, code: str) -> None:
        """Adds a tag by the operation for it (R4 Resource-operation-meta-add)."""
        meta = {"tag": [{"system": system, "code": code}]}
        parameters = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}
        answer = self._http.post(f"{self._base}/{place}/$meta-add", json=parameters)
        assert answer.status_code == 200, answer.text

    def _pages(self, url: str, form: Mapping[str, str] | None = None) -> Iterable[Any]:
        page = self._get(url) if form is None else self._post(url, form)
        while True:
            yield from page.get("entry", [])
            following = [link["url"] for link in page.get("link", []) if link["relation"] == "next"]
            if not following:
                return
            page = self._get(following[0])

    def _get(self, url: str, number: Callable[[str], str] = str) -> Any:
        answer = self._http.get(url, headers={"Accept": "application/fhir+json", "Cache-Control": "no-cache"})
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=number)

    def _post(self, url: str, form: Mapping[str, str]) -> Any:
        answer = self._http.post(url, data=dict(form), headers={"Cache-Control": "no-cache"})
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=str)


def states(ledger: Path, aside: Path) -> dict[str, str]:
    """The state of every resource in a ledger, by ``Type/id``.

    Read from a copy, log included, for to open the ledger of a process that was killed would mend it.
    """
    for suffix in ("", "-wal"):
        copy = aside / f"ledger.db{suffix}"
        copy.unlink(missing_ok=True)
        if (found := ledger.with_name(ledger.name + suffix)).exists():
            shutil.copy(found, copy)
    if not (aside / "ledger.db").exists():
        return {}
    with closing(sqlite3.connect(aside / "ledger.db")) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'resource'").fetchone():
            return {}
        return dict(database.execute("SELECT type || '/' || rid, state FROM resource").fetchall())


def _marked(text: str) -> str:
    return f"{_MARK}{text}"


def _plain(resource: dict[str, Any]) -> str:
    meta = {
        name: sorted(value, key=json.dumps) if isinstance(value, list) else value  # profiles, labels and tags are sets
        for name, value in resource.get("meta", {}).items()
        if name not in _OF_THE_SERVER
    }
    content = {name: value for name, value in resource.items() if name != "meta"}
    return json.dumps({**content, **({"meta": meta} if meta else {})}, sort_keys=True)

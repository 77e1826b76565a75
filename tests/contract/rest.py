"""What the contract suite says to a FHIR server: plain HTTP, JSON, and resources that no other test has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

JSON = "application/fhir+json"
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fhir:
    """A server's base, and a word (``own``) that makes ids and identifiers this test's own."""

    http: httpx.Client
    base: str
    own: str

    @property
    def system(self) -> str:
        return f"https://contract.example.org/{self.own}"

    def id(self, name: str) -> str:
        return f"{name}-{self.own}"

    def patient(self, key: str = "p", /, **more: Any) -> Resource:
        identifier = [{"system": self.system, "value": key}]
        return {"resourceType": "Patient", "id": self.id(key), "identifier": identifier, **more}

    def observation(self, key: str = "o", patient: str = "p", /, **more: Any) -> Resource:
        return {
            "resourceType": "Observation",
            "id": self.id(key),
            "identifier": [{"system": self.system, "value": key}],
            "status": "final",
            "code": {"coding": [{"system": self.system, "code": "alb"}]},
            "subject": {"reference": f"Patient/{self.id(patient)}"},
            **more,
        }

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(self._url(path), headers=_http(headers))

    def put(self, resource: Resource, path: str | None = None, **headers: str) -> httpx.Response:
        path = path or f"{resource['resourceType']}/{resource['id']}"
        return self.send("PUT", path, json.dumps(resource), **headers)

    def post(self, resource: Resource, path: str | None = None, **headers: str) -> httpx.Response:
        return self.send("POST", resource["resourceType"] if path is None else path, json.dumps(resource), **headers)

    def send(self, method: str, path: str, body: str, **headers: str) -> httpx.Response:
        return self.http.request(
            method, self._url(path), content=body.encode(), headers={"Content-Type": JSON, **_http(headers)}
        )

    def delete(self, path: str) -> httpx.Response:
        return self.http.delete(self._url(path))

    def search(self, type_: str, **parameters: str | list[str]) -> Resource:
        """One page, by GET; a parameter's underscore at the end is not part of its name."""
        return self.ok(self.http.get(self._url(type_), params=_names(parameters)))

    def search_by_post(self, type_: str, **parameters: str | list[str]) -> Resource:
        return self.ok(self.http.post(self._url(f"{type_}/_search"), data=_names(parameters)))

    def bundle(self, *entries: Resource, kind: str = "transaction", **headers: str) -> httpx.Response:
        return self.post({"resourceType": "Bundle", "type": kind, "entry": list(entries)}, "", **headers)

    def put_entry(self, resource: Resource, **request: str) -> Resource:
        url = f"{resource['resourceType']}/{resource['id']}"
        return {
            "fullUrl": f"{self.base}/{url}",
            "resource": resource,
            "request": {"method": "PUT", "url": url, **request},
        }

    @staticmethod
    def post_entry(resource: Resource, full_url: str | None = None, **request: str) -> Resource:
        entry = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"], **request}}
        return entry | {"fullUrl": full_url} if full_url else entry

    @staticmethod
    def ok(response: httpx.Response) -> Resource:
        assert response.is_success, f"{response.status_code} {response.text[:500]}"
        body: Resource = response.json()
        return body

    def _url(self, path: str) -> str:
        return f"{self.base}/{path}" if path else self.base


def no_id(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name != "id"}


def refusal(response: httpx.Response, *statuses: int) -> str:
    """Assert an OperationOutcome with an error under one of the statuses; its diagnostics and expressions."""
    assert response.status_code in statuses, f"{response.status_code} {response.text[:500]}"
    assert response.headers["Content-Type"].startswith(JSON)
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    errors = [issue for issue in outcome["issue"] if issue["severity"] in ("error", "fatal")]
    assert errors
    assert all(issue["code"] for issue in errors)
    return " ".join(str(issue.get("diagnostics", "")) + str(issue.get("expression", "")) for issue in errors)


def version_of(etag: str) -> str:
    """The version that an ETag names: HAPI writes ``W/"1"`` in headers and ``1`` in bundles."""
    return etag.removeprefix("W/").strip('"')


def ids(bundle: Resource) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


def link(bundle: Resource, relation: str) -> str | None:
    return next((link["url"] for link in bundle.get("link", []) if link["relation"] == relation), None)


def _http(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _names(parameters: Mapping[str, str | list[str]]) -> dict[str, str | list[str]]:
    return {name.rstrip("_").replace("__", "-"): value for name, value in parameters.items()}

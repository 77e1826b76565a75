"""Next links: back to the same server or not at all."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from fhir_msc.errors import TargetError
from fhir_msc.target.paging import next_url

BASE = httpx.URL("https://h.example/fhir")


def page(url: str, relation: str = "next") -> dict[str, Any]:
    return {
        "link": [{"relation": "self", "url": "https://h.example/fhir/Observation"}, {"relation": relation, "url": url}]
    }


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://h.example/fhir?_getpages=a&_offset=10", "https://h.example/fhir?_getpages=a&_offset=10"),
        ("https://h.example:443/fhir/Observation?page=2", "https://h.example/fhir/Observation?page=2"),
        ("HTTPS://H.EXAMPLE/fhir/Observation?page=2", "https://h.example/fhir/Observation?page=2"),
        ("Observation?page=2", "https://h.example/fhir/Observation?page=2"),
        ("?_getpages=a", "https://h.example/fhir/?_getpages=a"),
        ("/fhir/Observation?page=2", "https://h.example/fhir/Observation?page=2"),
        ("https://h.example/fhir?cursor=%2e%2e%2fx#frag", "https://h.example/fhir?cursor=%2e%2e%2fx"),
    ],
)
def test_back_to_the_server(link: str, url: str) -> None:
    assert next_url(BASE, page(link)) == httpx.URL(url)


@pytest.mark.parametrize(
    "bundle",
    [{}, {"link": []}, {"link": "next"}, {"link": [{"relation": "next"}]}, page("https://h.example/fhir", "previous")],
)
def test_the_last_page(bundle: dict[str, Any]) -> None:
    assert next_url(BASE, bundle) is None


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("http://h.example/fhir?p=2", "leads to http://h.example,"),
        ("https://evil.example/fhir?p=2", "leads to https://evil.example,"),
        ("//evil.example/fhir?p=2", "leads to https://evil.example,"),
        ("https://h.example:8443/fhir?p=2", "leads to https://h.example:8443,"),
        ("https://h.example.evil.example/fhir", "leads to"),
        ("https://h.example@evil.example/fhir", "leads to https://evil.example,"),
        ("https://user:password@h.example/fhir", "out of its FHIR base path"),
        ("https://h.example/fhirish?p=2", "out of its FHIR base path"),
        ("https://h.example/admin", "out of its FHIR base path"),
        ("https://h.example/", "out of its FHIR base path"),
        ("https://h.example/fhir/../admin", "out of its FHIR base path"),
        ("../admin", "out of its FHIR base path"),
        ("https://h.example/fhir/%2e%2e/admin", "out of its FHIR base path"),
        ("https://h.example/fhir/..%2fadmin", "out of its FHIR base path"),
        ("https://h.example/fhir/..%5cadmin", "out of its FHIR base path"),
        ("https://h.example:port/fhir", "no URL"),
        ("file:///etc/passwd", "leads to file://"),
    ],
)
def test_anywhere_else_is_refused(link: str, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        next_url(BASE, page(link))


def test_a_base_at_the_root() -> None:
    assert next_url(httpx.URL("http://h"), page("http://h/Observation?p=2")) == httpx.URL("http://h/Observation?p=2")
    with pytest.raises(TargetError, match="leads to"):
        next_url(httpx.URL("http://h"), page("http://i/Observation?p=2"))

from __future__ import annotations

import pytest

from fhir_msc.target.urls import canonical


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://FHIR.Example.org:443/R4/", "https://fhir.example.org/R4"),
        ("HTTP://fhir.example.org:80", "http://fhir.example.org"),
        ("http://fhir.example.org:8080/r4//", "http://fhir.example.org:8080/r4"),
        ("https://fhir.example.org:80/r4", "https://fhir.example.org:80/r4"),
        ("http://[::1]:8080/fhir/", "http://[::1]:8080/fhir"),
        ("http://[::1/fhir", "http://[::1/fhir"),
    ],
)
def test_one_server_has_one_url(url: str, same: str) -> None:
    assert canonical(url) == same
    assert canonical(same) == same

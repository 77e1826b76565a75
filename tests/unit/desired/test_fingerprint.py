"""What differs between two fingerprints names the cause."""

from __future__ import annotations

import pytest

from fhir_msc.desired.fingerprint import causes, fingerprint

ONE = (b"s" * 32, b"p" * 32, b"c" * 32, b"e" * 32)


@pytest.mark.parametrize(
    ("changed", "named"),
    [((), []), ((0,), ["source"]), ((1,), ["pack"]), ((2,), ["config"]), ((0, 3), ["source", "engine"])],
)
def test_the_parts_that_differ(changed: tuple[int, ...], named: list[str]) -> None:
    other = tuple(b"x" * 32 if place in changed else part for place, part in enumerate(ONE))
    assert list(causes(fingerprint(*ONE), fingerprint(*other))) == named


@pytest.mark.parametrize("before", [None, b"", b"of another layout"])
def test_a_first_staging_comes_from_the_source(before: bytes | None) -> None:
    assert list(causes(before, fingerprint(*ONE))) == ["source"]

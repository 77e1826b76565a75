"""The entry points of a group, found as ``importlib.metadata`` finds them."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from fhir_msc.extensions import entries_of
from tests.support.distributions import Installer, lay

BUILDERS = "fhir_msc.builders"


@pytest.mark.parametrize("group", ["console_scripts", "pytest11", "hypothesis", "nobody.has_these"])
def test_of_what_is_installed_here(group: str) -> None:
    assert sorted(entries_of(group)) == sorted(entry_points(group=group))


def test_of_a_distribution_that_is_there_twice_the_first_counts(
    tmp_path: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    installer.install("ward", "", builders={"flag": "ward:flag"})
    assert [one.value for one in entries_of(BUILDERS)] == ["ward:flag"]
    before = tmp_path / "before"
    monkeypatch.syspath_prepend(before)
    for points, values in (({"flag": "ward:other"}, ["ward:other"]), ({}, [])):
        lay(before, "ward", "", "2.0", {"builders": points} if points else {"transforms": {"a": "ward:a"}})
        assert [one.value for one in entries_of(BUILDERS)] == values
        assert list(entries_of(BUILDERS)) == list(entry_points(group=BUILDERS))


def test_one_that_is_installed_by_half_is_found_all_the_same(installer: Installer) -> None:
    installer.install("ward", "", builders={"flag": "ward:flag"})
    (installer.folder / "ward.dist-info" / "METADATA").unlink()
    assert [one.value for one in entries_of(BUILDERS)] == ["ward:flag"]
    assert list(entries_of(BUILDERS)) == list(entry_points(group=BUILDERS))

"""Profiles with files: what is said of them can be left out, and known to a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fhir_msc.reports import Selection, write_baseline
from fhir_msc.reports.baseline import read_baseline
from fhir_msc.validation.files import validate_files
from fhir_msc.validation.profiles.known import read_profiles
from tests.unit.validation.profiles.definitions import wanting_a_photo, without_photos


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "files.ndjson"
    found.write_text(without_photos(3000))
    return found


@pytest.mark.parametrize("rule", ["MSC-PROFILE-UNKNOWN", "MSC-FHIR-PROFILE-*"])
def test_they_may_be_left_out(rule: str, file: Path, tmp_path: Path) -> None:
    found = validate_files([file], Selection(excluded=(rule,)), profiles=read_profiles([wanting_a_photo(tmp_path)]))
    assert len(found.rules) == 1


def test_a_baseline_knows_them(file: Path, tmp_path: Path) -> None:
    profiles: Any = read_profiles([wanting_a_photo(tmp_path)])
    write_baseline(tmp_path / "known.json", validate_files([file], profiles=profiles))
    known = Selection(known=read_baseline(tmp_path / "known.json"))
    again = validate_files([file], known, profiles=profiles)
    assert (again.found, again.known) == (0, 6000)

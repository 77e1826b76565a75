"""Profiles with files, checked by several processes: as by one, and what is said once is said once of all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_msc.reports import Selection
from fhir_msc.validation.files import validate_files
from fhir_msc.validation.profiles.known import read_profiles
from tests.unit.validation.profiles.definitions import wanting_a_photo, without_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "files"
    found.mkdir()
    for number in range(4):
        (found / f"{number}.ndjson").write_text(without_photos(3000))
    return found


def test_once_for_all_files_and_processes(folder: Path, tmp_path: Path) -> None:
    profiles = read_profiles([wanting_a_photo(tmp_path)], must_support=True)
    chosen = Selection(most=20_000)
    one = validate_files([folder], chosen, profiles=profiles)
    assert one == validate_files([folder], chosen, profiles=profiles, jobs=2)
    rules = {rule: count for (_, rule), count in one.rules.items()}
    assert rules == {
        "MSC-FHIR-PROFILE-OWN": 12_000,
        "MSC-PROFILE-UNKNOWN": 12_000,
        "MSC-PROFILE-MUST-SUPPORT": 12_000,
    }
    told = [found.finding for found in one.findings if found.finding.rule == "MSC-PROFILE-UNKNOWN"]
    assert [(finding.count, finding.path) for finding in told] == [(12_000, "Patient.meta.profile[1]")]
    assert [(origin.file, origin.row) for origin in told[0].origins] == [(str(folder / "0.ndjson"), 1)]
    assert told[0].place is not None

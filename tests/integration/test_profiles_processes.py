"""Profiles with files, checked by several processes: as by one, and what is said once is said once of all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_msc.reports import Selection
from fhir_msc.validation.files import validate_files
from fhir_msc.validation.profiles.known import read_profiles
from tests.unit.validation.profiles.definitions import claiming, element, package, profile

PATIENT = {"resourceType": "Patient", "name": [{"family": "A"}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Many resources that lack what the profile asks for, and claim one that nobody knows."""
    lines = [json.dumps(claiming({**PATIENT, "id": str(number)}, "own", "nobody")) for number in range(3000)]
    found = tmp_path / "files"
    found.mkdir()
    for number in range(4):
        (found / f"{number}.ndjson").write_text("\n".join(lines))
    return found


def test_once_for_all_files_and_processes(folder: Path, tmp_path: Path) -> None:
    own = package(tmp_path / "own.tgz", profile("Patient", element("Patient.photo", min=1, mustSupport=True)))
    profiles = read_profiles([own], must_support=True)
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

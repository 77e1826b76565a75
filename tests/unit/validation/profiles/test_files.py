"""Profiles with files: in several processes the same, and what is said once is said once of all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.reports import Selection, write_baseline
from fhir_msc.reports.baseline import read_baseline
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


def pack(tmp_path: Path) -> Path:
    return package(tmp_path / "own.tgz", profile("Patient", element("Patient.photo", min=1, mustSupport=True)))


def test_once_for_all_files_and_processes(folder: Path, tmp_path: Path) -> None:
    profiles = read_profiles([pack(tmp_path)], must_support=True)
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


@pytest.mark.parametrize("rule", ["MSC-PROFILE-UNKNOWN", "MSC-FHIR-PROFILE-*"])
def test_they_may_be_left_out(rule: str, folder: Path, tmp_path: Path) -> None:
    found = validate_files([folder / "0.ndjson"], Selection(excluded=(rule,)), profiles=read_profiles([pack(tmp_path)]))
    assert len(found.rules) == 1


def test_a_baseline_knows_them(folder: Path, tmp_path: Path) -> None:
    profiles: Any = read_profiles([pack(tmp_path)])
    write_baseline(tmp_path / "known.json", validate_files([folder / "0.ndjson"], profiles=profiles))
    known = Selection(known=read_baseline(tmp_path / "known.json"))
    again = validate_files([folder / "0.ndjson"], known, profiles=profiles)
    assert (again.found, again.known) == (0, 6000)

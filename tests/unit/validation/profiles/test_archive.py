"""Packages as files: what is read, and that what is damaged or hostile is refused in plain words."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import pytest

from fhir_msc.errors import SourceError, UsageError
from fhir_msc.validation import validate
from fhir_msc.validation.profiles import archive as reading
from fhir_msc.validation.profiles.known import read_profiles
from tests.unit.validation.profiles.definitions import OWN, R4, archive, claiming, element, package, profile

PROFILE = profile("Patient", element("Patient.photo", min=1))
PATIENT = {"resourceType": "Patient"}


def test_profiles_of_a_package_count(tmp_path: Path) -> None:
    profiles = read_profiles(
        [package(tmp_path / "p.tgz", PROFILE, dependencies={"hl7.fhir.r4.core": "4.0.1", "x": "1"})]
    )
    assert [one.path for one in validate(claiming(PATIENT), profiles)] == ["Patient.photo"]
    assert profiles.missing() == ("x 1",)


def test_it_goes_to_another_process_by_its_files(tmp_path: Path) -> None:
    profiles = read_profiles([package(tmp_path / "p.tgz", PROFILE)], [OWN + "own"])
    there = pickle.loads(pickle.dumps(profiles))
    assert [one.path for one in validate(PATIENT, there)] == ["Patient.photo"]


def test_the_later_package_counts(tmp_path: Path) -> None:
    one = package(tmp_path / "1.tgz", PROFILE)
    two = package(tmp_path / "2.tgz", profile("Patient", element("Patient.name", min=1)))
    assert [f.path for f in validate(claiming(PATIENT), read_profiles([one, two]))] == ["Patient.name"]


def test_a_profile_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not known"):
        read_profiles([], [OWN + "own"])
    read_profiles([], [R4 + "bp"])
    read_profiles([], [R4 + "Patient"])


def test_definitions_that_are_no_json_are_passed_over(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "p.tgz",
        {
            "package/package.json": {"name": "x", "version": "1"},
            "package/StructureDefinition-a.json": b"{",
            "package/StructureDefinition-b.json": [1],
            "package/StructureDefinition-c.json": {"url": 1},
            "package/StructureDefinition-d.json": PROFILE,
            "package/other/StructureDefinition-e.json": b"x",
            "../StructureDefinition-f.json": b"x",
        },
    )
    assert validate(claiming(PATIENT), read_profiles([path])) != []


@pytest.mark.parametrize(
    "kind", ["nothing", "text", "cut", "gzip", "no manifest", "manifest", "list", "other", "empty"]
)
def test_what_is_no_package_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "p.tgz"
    whole = package(tmp_path / "whole.tgz", *[{**PROFILE, "url": f"{OWN}{n}"} for n in range(200)]).read_bytes()
    about = {"name": "x", "version": "1"}
    match kind:
        case "text":
            path.write_text("{}")
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case "gzip":
            path.write_bytes(gzip.compress(b"x" * 100))
        case "no manifest":
            archive(path, {"package/StructureDefinition-a.json": PROFILE})
        case "manifest":
            archive(path, {"package/package.json": b"{"})
        case "list":
            archive(path, {"package/package.json": [1]})
        case "other":
            package(path, PROFILE, fhirVersions=["5.0.0"])
        case "empty":
            archive(path, {"package/package.json": about})
    with pytest.raises(SourceError) as refused:
        read_profiles([path])
    assert refused.value.exit_code == 3
    assert str(path) in str(refused.value)


def test_more_than_may_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = package(tmp_path / "p.tgz", PROFILE, PROFILE)
    for limit in ("MAX_TOTAL", "MAX_FILE", "MAX_FILES"):
        with monkeypatch.context() as patched:
            patched.setattr(reading, limit, 2)
            with pytest.raises(SourceError, match="more than"):
                read_profiles([path])

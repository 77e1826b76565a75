"""`validate --package`, `--profile`, `--must-support` on the command line, with the patient summaries of HL7."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.support.packages import fetched
from tests.support.projects import fhir_msc

IPS = "http://hl7.org/fhir/uv/ips/StructureDefinition/"
PATIENT = {"resourceType": "Patient", "meta": {"profile": [f"{IPS}Patient-uv-ips"]}, "name": [{"text": "x"}]}


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    path = tmp_path / "patient.json"
    path.write_text(json.dumps(PATIENT))
    return path


@pytest.mark.npm
def test_the_summaries_are_right_by_their_profiles(tmp_path: Path) -> None:
    with tarfile.open(fetched("hl7.fhir.uv.ips@2.0.0")) as archive:
        for one in archive.getmembers():
            if one.name.startswith("package/example/") and (held := archive.extractfile(one)) is not None:
                (tmp_path / Path(one.name).name).write_bytes(held.read())
    outcome = fhir_msc("validate", tmp_path, "--package", fetched("hl7.fhir.uv.ips@2.0.0"), "--jobs", "2", "--json")
    assert (outcome.code, outcome.document["resources"]) == (0, 44)
    told = [one for one in outcome.document["findings"] if one["rule"] == "MSC-PROFILE-UNCHECKED"]
    assert told
    assert len(told) == len({one["message"] for one in told})
    assert any("hl7.fhir.uv.extensions.r4 5.2.0" in str(one["hint"]) for one in told), "the package that lacks is named"


@pytest.mark.npm
def test_a_claim_counts_once_its_package_is_named(patient: Path) -> None:
    unknown = fhir_msc("validate", patient, "--json")
    assert [one["rule"] for one in unknown.document["findings"]] == ["MSC-PROFILE-UNKNOWN"]
    assert unknown.code == 0
    known = fhir_msc("validate", patient, "--package", fetched("hl7.fhir.uv.ips@2.0.0"), "--must-support", "--json")
    assert known.code == 1
    found = {one["rule"]: one["path"] for one in known.document["findings"]}
    assert found["MSC-FHIR-PROFILE-PATIENT-UV-IPS"] == "Patient.birthDate"
    assert "MSC-PROFILE-MUST-SUPPORT" in found


def test_a_profile_of_r4_needs_no_package(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"resourceType": "Observation", "status": "final", "code": {"text": "x"}}))
    url = "http://hl7.org/fhir/StructureDefinition/bodyweight"
    outcome = fhir_msc("validate", path, "--profile", url, "--json")
    assert {one["rule"] for one in outcome.document["findings"]} >= {"MSC-FHIR-PROFILE-BODYWEIGHT"}
    assert fhir_msc("validate", path, "--json").document["findings"] == []


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--package", "nowhere.tgz"], 3, "nowhere.tgz"),
        (["--package", "damaged.tgz"], 3, "no FHIR package, or is damaged"),
        (["--profile", "https://nobody.org/P"], 2, "the profile https://nobody.org/P is not known"),
    ],
)
def test_what_cannot_be_taken_is_said_in_plain_words(
    options: list[str], code: int, said: str, patient: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("damaged.tgz").write_bytes(b"\x1f\x8b\x08\x00rubbish")
    outcome = fhir_msc("validate", patient, *options)
    assert outcome.code == code, outcome.out + outcome.err
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_profiles_are_for_files_alone(tmp_path: Path) -> None:
    outcome = fhir_msc("validate", "--project", tmp_path, "--must-support")
    assert outcome.code == 2
    assert "FHIR files alone" in outcome.err

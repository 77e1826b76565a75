"""Trial rules at the door: on files, with what a project says of them, and on an export whose config plans visits."""

from __future__ import annotations

import csv
import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_reports import laid, records
from tests.support.projects import fhir_msc

VISITS = """
[[study.visits]]
number = "baseline_arm_1"
name = "Baseline"
day = 0
window_before = 0
window_after = 0

[[study.visits]]
number = "week_4_arm_1"
name = "Week 4"
day = 28
window_before = 3
window_after = 3
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The blind project of the example, with four of its participants."""
    return laid(tmp_path / "misle", 4)


def change(project: Path, row: int, **cells: str) -> None:
    with records(project).open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    for column, text in cells.items():
        rows[row - 1][header.index(column)] = text
    with records(project).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def found(*options: object) -> list[dict[str, Any]]:
    document = fhir_msc("validate", "--json", *options).document
    findings: list[dict[str, Any]] = document["findings"]
    return findings


def test_an_infusion_outside_its_window_of_the_config(project: Path) -> None:
    config = project / "fhir-msc.toml"
    config.write_text(config.read_text("utf-8").replace("[sites.01]", f"{VISITS}\n[sites.01]", 1), "utf-8")
    change(project, 5, inf_done="1", inf_datetime="2019-09-16 10:00", inf_date="2019-09-16")
    assert found("--project", project) == []
    change(project, 5, inf_datetime="2019-09-17 10:00", inf_date="2019-09-17")
    [one] = found("--project", project)
    assert (one["rule"], one["origins"][0]["row"]) == ("MSC-VISIT-001", 5)
    assert one["origins"][0]["columns"] == ["inf_datetime", "inf_date"]


def test_a_birth_after_what_was_observed(project: Path) -> None:
    change(project, 18, birth_year_month="2030-01")
    told = found("--project", project)
    assert {one["rule"] for one in told} == {"MSC-TIME-004"}
    assert {one["origins"][0]["row"] for one in told} == {18}
    columns = {tuple(one["origins"][0]["columns"]) for one in told}
    assert {("vs_date",), ("lab_datetime",), ("sledai_date",)} <= columns


def test_a_day_after_the_data_cut(project: Path) -> None:
    config = project / "fhir-msc.toml"
    config.write_text(
        config.read_text("utf-8").replace(
            "synthetic = true", 'synthetic = true\ndata_cut = "2020-08-16T18:00:00-04:00"', 1
        )
    )
    change(project, 22, pga_score="")
    late = {one["origins"][0]["row"] for one in found("--project", project, "--rule", "MSC-TIME-003")}
    assert 12 in late
    assert 11 not in late


def test_the_unblinded_project_of_the_example_has_none(project: Path) -> None:
    unblinded = project / "unblinded"
    (unblinded / "secret").write_text(secrets.token_hex(32))
    (unblinded / "secret").chmod(0o600)
    assert [one["rule"] for one in found("--project", unblinded) if one["rule"] in TRIAL] == []


TRIAL = {
    "MSC-UNIT-002", "MSC-VALUE-001", "MSC-VALUE-002", "MSC-VALUE-003", "MSC-TIME-003", "MSC-TIME-004", "MSC-VISIT-001",
    "MSC-CONSENT-006", "MSC-LINK-001", "MSC-KEY-003", "MSC-KEY-004", "MSC-BLIND-002", "MSC-BLIND-003",
}  # fmt: skip


def test_bodies_of_the_example_give_nothing_as_files(project: Path, tmp_path: Path) -> None:
    bodies = tmp_path / "bodies.ndjson"
    assert fhir_msc("map", "--project", project, "--output", bodies).code == 0
    assert found(bodies, "--trial", "--project", project) == []


ARM = {"resourceType": "ResearchSubject", "id": "s", "status": "on-study", "assignedArm": "HIGH",
       "study": {"reference": "ResearchStudy/1"}, "individual": {"reference": "Patient/1"}}  # fmt: skip
EVENT = {"resourceType": "AdverseEvent", "id": "e", "actuality": "actual", "event": {"text": "Knows of placebo"},
         "subject": {"reference": "Patient/1"}}  # fmt: skip


def test_blind_is_asked_for_or_said_by_the_project(project: Path, tmp_path: Path) -> None:
    path = tmp_path / "two.ndjson"
    path.write_text(f"{json.dumps(ARM)}\n{json.dumps(EVENT)}\n")
    nowhere = ("--project", tmp_path)
    assert found(path, *nowhere) == found(path, "--trial", *nowhere) == []
    assert [one["rule"] for one in found(path, "--blind", *nowhere)] == ["MSC-BLIND-002"]
    told = fhir_msc("validate", path, "--trial", "--project", project, "--json", "--show-values")
    assert told.code == 1
    assert [one["rule"] for one in told.document["findings"]] == ["MSC-BLIND-002", "MSC-BLIND-003"]
    assert "HIGH" not in told.out
    assert "placebo" not in told.out

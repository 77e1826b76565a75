"""``fhir-msc demo``: the example trial is mapped, checked and stored, and a second sync writes nothing."""

from __future__ import annotations

from pathlib import Path

from tests.support.projects import fhir_msc


def test_the_demo(tmp_path: Path) -> None:
    outcome = fhir_msc("demo", "--directory", tmp_path / "demo")
    assert outcome.code == 0, outcome.out + outcome.err
    assert "Mapped, checked and stored" in outcome.out
    assert "A second sync writes nothing: 0 writes." in outcome.out
    status = fhir_msc("status", "--project", tmp_path / "demo", "--json").document
    states = {state for found in status["resources"].values() for state in found}
    assert states == {"sent"}
    tables = {table["table"]: table for table in status["tables"]}
    assert tables["demographics"]["rows"] == 90
    assert tables["infusion"]["rows"] == 81


def test_a_folder_of_somebody_else_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    outcome = fhir_msc("demo", "--directory", tmp_path)
    assert outcome.code == 2
    assert (tmp_path / "mine.txt").read_text("utf-8") == "mine"

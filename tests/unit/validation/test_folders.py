"""Folders of FHIR files: what cannot be looked into is told, and never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_msc.validation.files import validate_files
from tests.support.denied import deny
from tests.support.projects import fhir_msc

GOOD = b'{"resourceType": "Patient", "gender": "female"}'


def test_a_folder_in_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "b.json").write_bytes(GOOD)
    (tmp_path / "a.json").write_bytes(GOOD)
    deny(monkeypatch, closed, "scandir")
    found = validate_files([tmp_path])
    assert found.resources == 1
    [told] = found.unreadable
    assert str(closed) in told
    assert "PermissionError" in told
    assert fhir_msc("validate", tmp_path).code == 3


def test_a_link_that_leads_nowhere_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "gone.json")
    (tmp_path / "b.json").write_bytes(GOOD)
    found = validate_files([tmp_path])
    assert found.resources == 1
    [told] = found.unreadable
    assert "a.json" in told


def test_a_folder_with_nothing_to_check_is_no_clean_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no FHIR")
    outcome = fhir_msc("validate", tmp_path)
    assert outcome.code == 3
    assert f"{tmp_path}: nothing to check" in outcome.out
    assert "name the files themselves" in outcome.out
    assert fhir_msc("validate", tmp_path, "--json").code == 3

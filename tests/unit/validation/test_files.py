"""Files, folders and pipes of FHIR: what is read as what, in flat memory, by any number of processes."""

from __future__ import annotations

import io
import json
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_msc.errors import SourceError
from fhir_msc.findings import Place, Severity
from fhir_msc.reports import FORMATS, Report, Selection, rendered
from fhir_msc.validation import files, validate
from fhir_msc.validation.files import validate_files

GOOD = {"resourceType": "Patient", "id": "p1", "gender": "female"}
BROKEN = {"resourceType": "Patient", "id": "p2", "gender": "of the third kind", "nickname": "Zoe"}


def line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def where(found: Report) -> list[tuple[str, int | None, str | None]]:
    return [
        (Path(one.finding.origins[0].file).name, one.finding.origins[0].row, one.finding.path) for one in found.findings
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    lines=st.lists(st.sampled_from([line(GOOD), line(BROKEN), b"", b"  ", b"{", b"\xff"]), max_size=12),
    size=st.integers(1, 300),
    end=st.booleans(),
)
def test_lines_are_found_wherever_blocks_are_cut(lines: list[bytes], size: int, end: bool, tmp_path: Path) -> None:
    path = tmp_path / "many.ndjson"
    path.write_bytes(b"\n".join(lines) + (b"\n" if end else b""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_BLOCK", size)
        found = validate_files([path])
    expected = [(number, one.path) for number, text in enumerate(lines, 1) if text.strip() for one in validate(text)]
    assert sorted((row, path) for _, row, path in where(found)) == sorted(expected, key=lambda one: (one[0], one[1]))
    assert found.resources == sum(bool(text.strip()) for text in lines)


def test_a_finding_has_its_line_and_column_in_the_file(tmp_path: Path) -> None:
    many, one = tmp_path / "a.ndjson", tmp_path / "b.json"
    many.write_bytes(line(GOOD) + b"\n\n" + line(BROKEN) + b"\n")
    one.write_text(json.dumps(BROKEN, indent=2))
    found = validate_files([many, one])
    gender = [each.finding for each in found.findings if each.finding.path == "Patient.gender"]
    assert [each.place for each in gender] == [Place(3, line(BROKEN).index(b'"gender"') + 1), Place(4, 3)]


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("z.json", "deep/b.ndjson", "a.json", "notes.txt"):
        (tmp_path / name).write_bytes(line(BROKEN))
    found = validate_files([tmp_path])
    assert found.resources == 3
    assert list(dict.fromkeys(name for name, _, _ in where(found))) == ["a.json", "b.ndjson", "z.json"]


@pytest.mark.parametrize(
    ("text", "resources", "rows"),
    [
        (json.dumps(BROKEN).encode(), 1, {None}),
        (json.dumps(BROKEN, indent=2).encode(), 1, {None}),
        (b"\n" + line(GOOD) + b"\n" + line(BROKEN), 2, {3}),
        (line(GOOD) + b"\n\n\n" + line(BROKEN) + b"\n{\n", 3, {4, 5}),
        (b"", 1, {None}),
        (b"{\n{", 1, {None}),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1024])
def test_standard_input(
    text: bytes, resources: int, rows: set[int | None], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_BLOCK", size)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text), "utf-8"))
    found = validate_files([Path("-")])
    assert found.resources == resources
    assert {(name, row) for name, row, _ in where(found)} == {("stdin", row) for row in rows}


def test_two_processes_say_what_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BLOCK", 2000)
    for name in ("a", "b"):
        lines = [line({**(BROKEN if i % 7 == 3 else GOOD), "id": f"{name}{i}"}) for i in range(200)]
        (tmp_path / f"{name}.ndjson").write_bytes(b"\n".join(lines))
    (tmp_path / "c.json").write_bytes(b"{")
    selection = Selection(most=30)  # fewer than there are
    one, two = (validate_files([tmp_path], selection, jobs=jobs) for jobs in (1, 2))
    assert (one.resources, one.omitted > 0, one.count(Severity.ERROR) > 50) == (401, True, True)
    for form in FORMATS:
        assert rendered(one, form) == rendered(two, form)


@pytest.mark.usefixtures("hosts_collector")
def test_memory_is_flat(tmp_path: Path) -> None:
    """Ten times the resources, a tenth of them wrong, take the same memory."""

    def peak(resources: int) -> int:
        path = tmp_path / f"{resources}.ndjson"
        with path.open("wb") as stream:
            for i in range(resources):
                note = {"id": f"p{i}", "name": [{"text": "x" * 4000}]}
                stream.write(line({**(BROKEN if i % 10 == 0 else GOOD), **note}) + b"\n")
        tracemalloc.start()
        found = validate_files([path], Selection(most=50))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.resources == resources
        return highest

    peak(10)  # the definitions are read once
    assert peak(3000) <= 1.1 * peak(300) + 1_000_000


def test_a_resource_that_is_too_long_is_a_finding_and_costs_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.ndjson"
    monkeypatch.setattr(files, "_BLOCK", 100)
    monkeypatch.setattr(files, "MAX_SIZE", 1000)
    monkeypatch.setattr("fhir_msc.validation.parsing.MAX_SIZE", 1000)
    path.write_bytes(line({**GOOD, "id": "x" * 100_000}) + b"\n" + line(BROKEN))
    seen: list[int] = []

    def told(what: str, done: int, of: int | None) -> None:
        seen.append(done)

    found = validate_files([path], progress=told)
    assert {(row, one.finding.rule) for one in found.findings for row in [one.finding.origins[0].row]} >= {
        (1, "MSC-FHIR-JSON-SIZE")
    }
    assert {row for _, row, _ in where(found)} == {1, 2}
    assert max(seen, default=0) < 10_000


def test_progress_goes_from_nothing_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BLOCK", 500)
    path = tmp_path / "many.ndjson"
    path.write_bytes(b"\n".join([line(GOOD)] * 100))
    told: list[tuple[str, int, int | None]] = []
    validate_files([path], progress=lambda *each: told.append(each))
    done = [each[1] for each in told]
    assert len(told) > 5
    assert done == sorted(done)
    assert {(name, of) for name, _, of in told} == {(str(path), path.stat().st_size)}
    assert done[-1] > 0.8 * path.stat().st_size


def test_a_file_that_is_gone_stops_all_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.json"):
        validate_files([tmp_path / "gone.json"])


def test_a_file_that_cannot_be_read_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(line(BROKEN))
    whole = Path.open

    def refused(path: Path, *arguments: Any) -> Any:
        if path.name == "a.json":
            raise PermissionError(13, "Permission denied")
        return whole(path, *arguments)

    monkeypatch.setattr(Path, "open", refused)
    found = validate_files([tmp_path])
    assert [name for name, _, _ in where(found)] == ["b.json"] * len(found.findings)
    [unreadable] = found.unreadable
    assert "a.json" in unreadable


@pytest.mark.parametrize(
    ("selection", "paths"),
    [
        (Selection(rules=("MSC-FHIR-STRUCTURE-*",)), ["Patient.nickname"]),
        (Selection(excluded=("MSC-FHIR-STRUCTURE-*",)), ["Patient.gender"]),
        (Selection(most=1), ["Patient.gender"]),
    ],
)
def test_the_selection_is_heeded(selection: Selection, paths: Sequence[str], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(line(BROKEN))
    assert [path for _, _, path in where(validate_files([tmp_path], selection))] == paths


def test_a_line_that_is_known_is_known_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "many.ndjson"
    path.write_bytes(line(BROKEN))
    known = frozenset(one.fingerprint for one in validate_files([path]).findings)
    path.write_bytes(line(GOOD) + b"\n" + line(BROKEN) + b"\n" + line({**BROKEN, "id": "p3"}))
    found = validate_files([path], Selection(known=known))
    assert (found.known, {row for _, row, _ in where(found)}) == (2, {3})

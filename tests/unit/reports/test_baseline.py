"""A baseline: what is written is known in the next run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_msc.errors import UsageError
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.reports import Selection, Tally, read_baseline, write_baseline
from tests.unit.reports.strategies import findings, report


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(found=st.lists(findings, max_size=5), new=findings)
def test_what_is_written_is_known(found: list[Finding], new: Finding, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(path, report(found))
    known = read_baseline(path)
    again = Tally()
    again.add(found, Selection(known=known))
    assert (again.report().found, again.report().known) == (0, sum(one.count for one in found))
    [fresh] = report([new]).findings
    later = Tally()
    later.add([new], Selection(known=known))
    assert later.report().found == (fresh.fingerprint not in known)


def test_it_holds_no_values_and_is_the_same_each_time(tmp_path: Path) -> None:
    one = Finding("MSC-MAP-001", Severity.ERROR, "m", (Origin("lb.csv", "LB", 1),), value="QX7Z")
    other = Finding("MSC-MAP-001", Severity.ERROR, "m", (Origin("lb.csv", "LB", 2),), value="QX7Z")
    for name, found in (("a", [one, other]), ("b", [other, one])):
        write_baseline(tmp_path / name, report(found))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"QX7Z" not in (tmp_path / "a").read_bytes()


def test_findings_that_were_not_kept_cannot_be_written(tmp_path: Path) -> None:
    many = [Finding("MSC-MAP-001", Severity.ERROR, "m", (Origin("lb.csv", "LB", row),)) for row in (1, 2, 3)]
    with pytest.raises(UsageError, match="--max-findings 3"):
        write_baseline(tmp_path / "b", report(many, most=2))
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other", "findings": []}', '{"format": 1}'])
def test_what_is_no_baseline_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "b").write_text(text)
    with pytest.raises(UsageError, match="is no baseline"):
        read_baseline(tmp_path / "b")


def test_a_baseline_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_baseline(tmp_path / "gone")
    with pytest.raises(UsageError, match="cannot be written"):
        write_baseline(tmp_path / "gone" / "b", report([]))

"""Reports: one DiagnosticReport per panel, participant, time and visit, of the results that leave."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.resources.diagnostic_report import status
from tests.unit.desired.trial_source import Outcome, Rows, consent, dm, lb, outcome

STUDY: dict[str, Rows] = {"DM": dm("S", "T"), "DS": consent("S", "T")}
CHEMISTRY = {"LBCAT": "CHEMISTRY"}


def results(*rows: dict[str, str], **policy: object) -> Outcome:
    return outcome({**STUDY, "LB": list(rows)}, **policy)


def reports(found: Outcome) -> dict[str, Any]:
    return {str(one["id"]): one for one in found.of_type("DiagnosticReport")}


def named(report: Any) -> list[str]:
    return [one["reference"].removeprefix("Observation/") for one in report["result"]]


def test_the_results_of_a_panel_are_one_report() -> None:
    rows = [lb(test=test, **CHEMISTRY) for test in ("ALB", "AST", "ALT")]
    found = results(*rows, lb(test="WBC", LBCAT="HEMATOLOGY"), lb(test="CRP"), lb("T", **CHEMISTRY))
    assert found.outcomes("LB") == {"delivered": 6}
    assert Counter(one["code"]["text"] for one in reports(found).values()) == {"CHEMISTRY": 2, "HEMATOLOGY": 1}
    for rid, body in reports(found).items():
        assert (body["status"], body["effectiveDateTime"]) == ("final", "2020-02-01")
        assert body["category"][0]["coding"][0]["code"] == "LAB"
        assert body["subject"]["reference"] == f"Patient/{found.bodies[rid].lane}"
        assert set(named(body)) <= set(found.bodies[rid].refs)
        assert {found.bodies[one].lane for one in named(body)} == {found.bodies[rid].lane}
        assert all(found.bodies[one].rank < found.bodies[rid].rank for one in named(body))


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ST"), st.sampled_from(["ALB", "AST"]), st.sampled_from(["A", "B", ""]), st.integers(1, 3)
        ),
        max_size=12,
        unique=True,
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=25)
def test_each_result_with_a_panel_is_in_one_report_whatever_the_order(rows: list[Any], random: Any) -> None:
    given_rows = [lb(who, test, day=f"2020-02-0{day}", LBCAT=panel) for who, test, panel, day in rows]
    found = results(*given_rows)
    counted = Counter(rid for one in reports(found).values() for rid in named(one))
    assert set(counted.values()) <= {1}
    assert len(counted) == sum(panel != "" for _, _, panel, _ in rows)
    assert len(reports(found)) == len({(who, panel, day) for who, _, panel, day in rows if panel})
    random.shuffle(given_rows)
    assert reports(results(*given_rows)) == reports(found)


def test_results_that_do_not_leave_are_in_none() -> None:
    early, nobodys = lb(day="2019-12-31", **CHEMISTRY), lb("N", **CHEMISTRY)
    assert reports(results(early, nobodys)) == {}
    [one] = reports(results(early, nobodys, lb(**CHEMISTRY), lb(test="AST", result="", **CHEMISTRY))).values()
    assert len(named(one)) >= 1


def test_without_a_time_and_a_visit_there_is_no_report() -> None:
    assert reports(results(lb(day="", **CHEMISTRY))) == {}


def test_rows_that_share_a_key_and_differ_are_both_in_it() -> None:
    found = results(lb(**CHEMISTRY), lb(result="41", **CHEMISTRY), lb(**CHEMISTRY))
    [one] = reports(found).values()
    assert set(named(one)) == {rid for rid, body in found.bodies.items() if body.type == "Observation"}
    assert len(named(one)) == 2


@pytest.mark.parametrize("test", ["CHIMERI", "DSA"])
def test_blind_what_is_sealed_neither_makes_a_report_nor_changes_one(test: str) -> None:
    sealed = [lb(test=test, LBCAT="IMMUNOLOGY"), lb(test=test, **CHEMISTRY)]
    one, other = results(lb(**CHEMISTRY)), results(*sealed, lb(**CHEMISTRY))
    assert {rid: body.body for rid, body in one.bodies.items()} == {
        rid: body.body for rid, body in other.bodies.items()
    }


def test_provenance_names_reports_too() -> None:
    found = results(lb(**CHEMISTRY), data_cut="2021-03-31T18:00:00Z")
    [rid] = reports(found)
    of_it: Any = found.of_type("Provenance")
    assert sum({"reference": f"DiagnosticReport/{rid}"} in one["target"] for one in of_it) == 1


@pytest.mark.parametrize(
    ("of_results", "of_report"),
    [
        ({"final"}, "final"),
        ({"final", "cancelled"}, "final"),
        ({"cancelled", "entered-in-error"}, "cancelled"),
        ({"final", "preliminary"}, "partial"),
        ({"registered"}, "partial"),
        ({"final", "amended"}, "corrected"),
        ({"final", "unknown"}, "unknown"),
    ],
)
def test_its_status_follows_from_theirs(of_results: set[str], of_report: str) -> None:
    assert status(of_results) == of_report

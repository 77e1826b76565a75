"""Samples: one Specimen per sample that the source names, whatever the order and number of its results."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.desired.trial_source import Outcome, Rows, consent, dm, lb, outcome

STUDY: dict[str, Rows] = {"DM": dm("S", "T"), "DS": consent("S", "T")}
SERUM = {"LBSPEC": "SERUM", "LBREFID": "958"}


def results(*rows: dict[str, str], **policy: object) -> Outcome:
    return outcome({**STUDY, "LB": list(rows)}, **policy)


def specimens(found: Outcome) -> dict[str, Any]:
    return {str(one["id"]): one for one in found.of_type("Specimen")}


def test_the_results_of_a_sample_refer_to_it() -> None:
    rows = [lb(**SERUM), lb(test="CREAT", **SERUM), lb(test="AST", LBSPEC="SERUM"), lb(test="ALT", LBREFID="958")]
    found = results(*rows, lb("T", **SERUM))
    assert found.outcomes("LB") == {"delivered": 5}
    assert "MSC-KEY-001" not in found.rules()
    assert len(specimens(found)) == 2, "another participant's sample of the same number is another"
    of = {str(one["id"]): one.get("specimen") for one in found.of_type("Observation")}
    for rid, body in specimens(found).items():
        assert body["accessionIdentifier"]["value"] == "958"
        assert body["type"] == {"text": "SERUM"}
        assert body["collection"] == {"collectedDateTime": "2020-02-01"}
        named = [one for one in of.values() if one == {"reference": f"Specimen/{rid}", "display": "SERUM"}]
        of_one = body["subject"]["reference"] == f"Patient/{found.bodies[rid].lane}"
        assert of_one
        assert len(named) in (1, 2)
        assert found.bodies[rid].rank < min(one.rank for one in found.bodies.values() if rid in one.refs)
    assert list(of.values()).count({"display": "SERUM"}) == 1
    assert list(of.values()).count(None) == 1, "a number without a kind may be anything"


def test_results_that_do_not_agree_on_the_time_leave_it_out() -> None:
    rows = [lb(**SERUM), lb(test="AST", day="2020-02-02", **SERUM), lb(test="ALT", **SERUM)]
    for order in (rows, rows[::-1]):
        [body] = specimens(results(*order)).values()
        assert "collection" not in body


def test_the_order_of_rows_changes_nothing() -> None:
    rows = [lb(test=test, **SERUM) for test in ("ALB", "AST", "ALT")] + [lb("T", LBSPEC="URINE", LBREFID="1")]
    one, other = results(*rows), results(*rows[::-1])
    assert {rid: body.body for rid, body in one.bodies.items()} == {
        rid: body.body for rid, body in other.bodies.items()
    }


def test_a_sample_of_results_that_do_not_leave_does_not_either() -> None:
    found = results(lb(day="2019-12-31", **SERUM), lb("N", **SERUM))
    assert found.outcomes("LB") == {"held": 1, "rejected": 1}
    assert specimens(found) == {}


def test_rows_that_share_a_key_have_their_sample_once() -> None:
    found = results(lb(**SERUM), lb(**SERUM), lb(result="41", **SERUM))
    assert found.outcomes("LB") == {"delivered": 2, "merged": 1}
    assert len(specimens(found)) == 1


@pytest.mark.parametrize("test", ["CHIMERI", "DSA"])
def test_blind_a_sample_of_sealed_results_alone_does_not_exist(test: str) -> None:
    """What is sealed neither makes a sample nor changes one."""
    sealed = lb(test=test, day="2020-03-03", LBSPEC="BLOOD", LBREFID="7")
    also = lb(test=test, day="2020-03-03", **SERUM)
    one, other = results(lb(**SERUM)), results(sealed, lb(**SERUM), also)
    assert {rid: body.body for rid, body in one.bodies.items()} == {
        rid: body.body for rid, body in other.bodies.items()
    }


def test_provenance_names_samples_too() -> None:
    found = results(lb(**SERUM), data_cut="2021-03-31T18:00:00Z")
    [rid] = specimens(found)
    named = [one for one in found.of_type("Provenance") if {"reference": f"Specimen/{rid}"} in one["target"]]  # type: ignore[operator]
    assert len(named) == 1

"""Provenance: every resource of a participant is traced to its table once, and nothing but the rows and the data cut
changes what is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from fhir_msc.config_words import ProjectSection
from fhir_msc.desired import lineage
from tests.unit.desired.trial_source import Outcome, Rows, consent, dm, lb, outcome, sdtm, vs

CUT = "2021-03-31T18:00:00+02:00"
STUDY: dict[str, Rows] = {
    "DM": dm("S", "T"),
    "DS": consent("S", "T"),
    "LB": [lb(), lb("T"), lb(day="2020-03-01"), lb(test="CREAT", day="2020-04-01"), lb("N", day="2020-02-02")],
    "VS": [vs(), vs("T"), vs("T", day="2019-12-31")],
}


def told(found: Outcome) -> dict[str, Any]:
    return {str(one["id"]): one for one in found.of_type("Provenance")}


def targets(body: dict[str, Any]) -> list[str]:
    return [one["reference"] for one in body["target"]]


def test_every_resource_of_a_participant_comes_from_one_table() -> None:
    found = outcome(STUDY, data_cut=CUT)
    from_where = {reference: body for body in told(found).values() for reference in targets(body)}
    ours = {f"{one.type}/{one.rid}": one for one in found.bodies.values() if one.lane and one.type != "Provenance"}
    assert from_where.keys() == ours.keys()
    assert sum(len(targets(body)) for body in told(found).values()) == len(ours)
    pairs = Counter((one.lane, one.table) for one in ours.values())
    assert len(told(found)) == len(pairs) == 8
    for reference, body in from_where.items():
        one = ours[reference]
        said = found.bodies[body["id"]]
        assert (said.lane, said.table) == (one.lane, one.table)
        assert body["recorded"] == CUT
        assert body["entity"][0]["what"]["identifier"]["value"] == one.table
        assert said.rank > one.rank
        assert one.rid in said.refs


def test_nobody_says_when_the_data_were_cut() -> None:
    assert told(outcome(STUDY)) == {}


def test_a_row_changes_that_of_its_table_and_participant_alone() -> None:
    before = told(outcome(STUDY, data_cut=CUT))
    corrected = {**STUDY, "LB": [lb(result="41"), *STUDY["LB"][1:]]}
    assert told(outcome(corrected, data_cut=CUT)) == before, "the same resource, with another result"
    more = told(outcome({**STUDY, "LB": [*STUDY["LB"], lb(test="AST", day="2020-05-01")]}, data_cut=CUT))
    assert more.keys() == before.keys()
    assert len([rid for rid in more if more[rid] != before[rid]]) == 1


def test_neither_the_order_of_rows_nor_the_pack_changes_any() -> None:
    before = outcome(STUDY, data_cut=CUT)
    turned = {name: rows[::-1] for name, rows in STUDY.items()}
    assert told(outcome(turned, data_cut=CUT)) == told(before)
    pack = replace(sdtm(), text=b"another version of the pack")
    after = outcome(STUDY, pack=pack, data_cut=CUT)
    assert [after.bodies[rid].body for rid in told(after)] == [before.bodies[rid].body for rid in told(before)]


def test_a_later_data_cut_is_said_of_all() -> None:
    before, after = (told(outcome(STUDY, data_cut=cut)) for cut in (CUT, "2021-09-30T18:00:00+02:00"))
    assert before.keys() == after.keys()
    assert all(before[rid] != after[rid] for rid in before)


def test_a_participant_with_very_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parted by the ids: all of them are there, and a row more changes one part."""
    rows = [lb(day=f"2020-{month:02}-{day:02}") for month in range(2, 8) for day in range(1, 29)]
    monkeypatch.setattr(lineage, "_MOST_TARGETS", 20)
    before = outcome({**STUDY, "LB": rows}, data_cut=CUT)
    parts = {rid: body for rid, body in told(before).items() if before.bodies[rid].table == "LB"}
    assert len(parts) == 16
    said = [reference for body in parts.values() for reference in targets(body)]
    results = [one for one in before.bodies.values() if one.type == "Observation" and one.table == "LB"]
    assert sorted(said) == sorted(f"Observation/{one.rid}" for one in results)
    after = told(outcome({**STUDY, "LB": [*rows, lb(test="AST")]}, data_cut=CUT))
    assert len([rid for rid in parts if after[rid] != parts[rid]]) == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (CUT, CUT),
        ("2021-03-31T18:00:00.5Z", "2021-03-31T18:00:00.5Z"),
        ("2021-03-31", None),
        ("2021-03-31T18:00:00", None),
        ("2021-02-30T18:00:00Z", None),
        ("last week", None),
        (5, None),
    ],
)
def test_a_data_cut_is_an_instant(given: object, kept: str | None) -> None:
    words = {"pack": "sdtm", "source": "data", "data_cut": given}
    if kept is None:
        with pytest.raises(ValueError, match="is no instant"):
            ProjectSection.model_validate(words)
    else:
        assert ProjectSection.model_validate(words).data_cut == kept

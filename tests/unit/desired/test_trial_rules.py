"""The trial rules on the bodies of an export: each row is told of once, however often it was made."""

from __future__ import annotations

from dataclasses import replace

from fhir_msc.desired.assembly import assemble
from fhir_msc.desired.trial_rules import TrialJudge
from fhir_msc.findings import Finding
from tests.unit.desired.trial_source import COLUMNS, POLICY, Rows, consent, dm, lb, sdtm
from tests.unit.mapping.memory import Memory


def judged(rows: Rows, **person: str) -> list[Finding]:
    tables = {"DM": dm("S", **person), "DS": consent("S"), "LB": rows}
    desired = assemble(Memory(tables, COLUMNS), sdtm(), replace(POLICY, blind=False), b"secret")
    judge = TrialJudge(desired.frame)
    found: list[Finding] = []
    for table in desired.tables():
        for batch in table.stream():
            judge.take(batch)
        found += judge.of_table()
    return found + judge.of_all()


def albumin(result: str, **more: str) -> dict[str, str]:
    return {**lb(result=result, **more), "LBORRESU": "g/dL"}


def told(found: list[Finding]) -> list[tuple[str, int | None]]:
    return sorted((one.rule, origin.row) for one in found for origin in one.origins)


def test_rows_that_share_a_key_are_told_of_once_each() -> None:
    assert told(judged([albumin("400"), albumin("500"), albumin("4.1")])) == [
        ("MSC-VALUE-001", 1),
        ("MSC-VALUE-001", 2),
    ]
    assert told(judged([albumin("4.2"), albumin("500"), albumin("4.1")])) == [("MSC-VALUE-001", 2)]
    born = judged([albumin("4.2"), albumin("4.1")], BRTHDTC="2021-03-05")
    assert told([one for one in born if one.rule == "MSC-TIME-004" and one.origins[0].table == "LB"]) == [
        ("MSC-TIME-004", 1),
        ("MSC-TIME-004", 2),
    ]


def test_what_is_right_is_not_told_of() -> None:
    assert judged([albumin("4.2"), albumin("4.1"), albumin("4.1")], BRTHDTC="1980-03-05") == []

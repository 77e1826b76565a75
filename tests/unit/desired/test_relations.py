"""Results that are about an adverse event, by the relations between rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from fhir_msc.desired.assembly import assemble
from fhir_msc.errors import SourceError
from fhir_msc.sources.table import Row
from tests.unit.desired.trial_source import POLICY, Outcome, Rows, consent, dm, fingerprints, lb, outcome, sdtm
from tests.unit.mapping.memory import Memory


def event(term: str, subject: str = "S", day: str = "2020-02-01", **more: str) -> dict[str, str]:
    return {"USUBJID": subject, "AETERM": term, "AESTDTC": day, **more}


def finding(about: str, subject: str = "S", **more: str) -> dict[str, str]:
    result = {"FATESTCD": "OCCUR", "FATEST": "Occurrence", "FAOBJ": about, "FAORRES": "Y", "FADTC": "2020-02-02"}
    return {"USUBJID": subject, **result, **more}


def link(domain: str, column: str, relation: str, subject: str = "", value: str = "") -> dict[str, str]:
    return {"RDOMAIN": domain, "USUBJID": subject, "IDVAR": column, "IDVARVAL": value, "RELID": relation}


def death(subject: str, **more: str) -> dict[str, str]:
    return {
        "USUBJID": subject,
        "DDTESTCD": "PRCDTH",
        "DDORRES": "SUDDEN",
        "DDDTC": "2020-02-03",
        "DDLNKID": "1",
        **more,
    }


PEOPLE: dict[str, Rows] = {"DM": dm("S", "T"), "DS": consent("S", "T"), "LB": [lb()]}
BETWEEN_TABLES = [
    *(link("AE", "AELNKID", "AEFA"), link("FA", "FALNKGRP", "AEFA")),
    *(link("AE", "AELNKID", "AEDS"), link("DS", "DSLNKID", "AEDS")),
]
OF_DEATHS = [link("AE", "AELNKID", "AEDD"), link("DD", "DDLNKID", "AEDD")]
EVENTS = [
    event("RASH", AELNKID="1"),
    event("FEVER", AELNKID="2"),
    event("RASH", "T", AELNKID="1"),
    event("EARLY", day="2019-01-01", AELNKID="3"),
]
FINDINGS = [
    finding("RASH", FALNKGRP="1"),
    finding("ITCH", FALNKGRP="1"),
    finding("FEVER", FALNKGRP="2"),
    finding("RASH", "T", FALNKGRP="1"),
    finding("EARLY", FALNKGRP="3"),
    finding("NONE", FALNKGRP="9"),
    finding("EMPTY"),
]


def related(**tables: Rows) -> Outcome:
    return outcome({**PEOPLE, "AE": EVENTS, "FA": FINDINGS, "RELREC": BETWEEN_TABLES, **tables}, blind=False)


def about(found: Outcome, table: str = "FA") -> list[list[str]]:
    """The terms of the events that each result of a table is about; each event is of the result's participant."""
    events: dict[str, Any] = {f"AdverseEvent/{one['id']}": one for one in found.of_type("AdverseEvent")}
    results: list[Any] = [one for one in found.of_type("Observation") if found.bodies[str(one["id"])].table == table]
    told = []
    for one in results:
        named = [focus["reference"] for focus in one.get("focus", ())]
        assert {name.split("/")[1] for name in named} <= set(found.bodies[one["id"]].refs)
        assert all(events[name]["subject"] == one["subject"] for name in named)
        told.append(sorted(events[name]["event"]["text"] for name in named))
    return sorted(told)


def test_tables_that_are_joined_by_a_column() -> None:
    found = related()
    assert about(found) == [
        [],
        [],
        [],
        ["FEVER"],
        ["RASH"],
        ["RASH"],
        ["RASH"],
    ]  # none of what is held, or is not there
    assert found.outcomes("RELREC") == {"merged": 2, "not-mapped": 2}
    assert [one.count for one in found.findings if one.rule == "MSC-MAP-009"] == [2]


@pytest.mark.parametrize(("sequence", "said"), [("3", "3"), ("3.0", "3"), ("3", "3.0"), ("3", "3.00"), ("3.00", "3.")])
def test_rows_that_are_joined_by_their_numbers(sequence: str, said: str) -> None:
    rows = [
        *(link("AE", "AESEQ", "R1", "S", said), link("FA", "FASEQ", "R1", "S", "7")),
        *(link("AE", "AESEQ", "R1", "T", "1"), link("FA", "FASEQ", "R1", "T", "7")),
    ]
    events = [event("RASH", AESEQ=sequence), event("FEVER", AESEQ="4"), event("RASH", "T", AESEQ="3")]
    findings = [finding("RASH", FASEQ="7"), finding("ITCH", FASEQ="8"), finding("RASH", "T", FASEQ="7")]
    found = related(AE=events, FA=findings, RELREC=rows)
    assert about(found) == [[], [], ["RASH"]]
    # The relation of T names an event that T does not have.
    assert found.outcomes("RELREC") == {"merged": 2, "not-mapped": 2}


def test_a_result_about_two_events() -> None:
    rows = [
        *(link("AE", "AESEQ", "R1", "S", "1"), link("AE", "AESEQ", "R1", "S", "2")),
        link("LB", "LBSEQ", "R1", "S", "5"),
    ]
    events = [event("RASH", AESEQ="1"), event("FEVER", AESEQ="2")]
    found = related(AE=events, LB=[lb(LBSEQ="5"), lb(test="GLUC", LBSEQ="6")], RELREC=rows)
    assert about(found, "LB") == [[], ["FEVER", "RASH"]]


class Torn(Memory):
    """A source whose table of events breaks off behind its first row."""

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        for number, cells in super().rows(table, columns):
            yield number, cells
            if table == "AE":
                raise SourceError("breaks off", file="AE.csv", table="AE")


def test_events_that_cannot_be_read_are_told_of_each_table_that_names_them() -> None:
    tables = {**PEOPLE, "AE": EVENTS, "FA": FINDINGS, "DD": [death("S")], "RELREC": [*BETWEEN_TABLES, *OF_DEATHS]}
    desired = assemble(Torn(tables), sdtm(), replace(POLICY, blind=False), b"secret")
    told = {}
    for table in desired.tables():
        try:
            told[table.name] = sum(len(batch) for batch in table.stream())
        except SourceError as error:
            told[table.name] = str(error)
    assert {name for name, said in told.items() if "breaks off" in str(said)} == {"AE", "DD", "FA", "RELREC"}
    assert told["LB"] == 1


def test_events_that_share_a_key_are_not_guessed_at() -> None:
    twins = [event("RASH", AESEQ="1", AESEV="MILD"), event("RASH", AESEQ="2", AESEV="SEVERE")]
    rows = [link("AE", "AESEQ", "R1", "S", "1"), link("FA", "FASEQ", "R1", "S", "7")]
    found = related(AE=twins, FA=[finding("RASH", FASEQ="7")], RELREC=rows)
    assert about(found) == [[]]
    assert len(found.of_type("AdverseEvent")) == 2


def test_a_withheld_event_is_named_by_nothing() -> None:
    found = related(AE=[event("EARLY", day="2019-01-01", AELNKID="1")], FA=[finding("EARLY", FALNKGRP="1")])
    assert about(found) == [[]]
    assert found.outcomes("RELREC") == {"not-mapped": 4}


def test_without_events_or_columns_nothing_is_joined() -> None:
    assert not any(about(related(AE=[{"USUBJID": "S", "AETERM": "RASH"}])) + about(related(RELREC=[])))
    assert related(RELREC=[link("XX", "XXLNKID", "R"), link("FA", "FALNKGRP", "R")]).outcomes("RELREC") == {
        "not-mapped": 2
    }


def test_in_a_blind_project_there_are_no_relations() -> None:
    tables: dict[str, Rows] = {**PEOPLE, "AE": EVENTS, "FA": FINDINGS}
    assert outcome({**tables, "RELREC": BETWEEN_TABLES}).bodies == outcome(tables).bodies


def test_what_a_result_depends_on() -> None:
    tables: dict[str, Rows] = {**PEOPLE, "AE": EVENTS, "FA": FINDINGS, "RELREC": BETWEEN_TABLES}
    before = fingerprints(tables, blind=False)

    def changed(**other: Rows) -> set[str]:
        after = fingerprints({**tables, **other}, blind=False)
        return {name for name in before if before[name] != after[name]}

    assert changed(AE=[event("COLD", AELNKID="1"), *EVENTS[1:]]) == {"AE", "FA", "RELREC"}
    assert changed(AE=[{**EVENTS[0], "AELNKID": "8"}, *EVENTS[1:]]) >= {"FA", "RELREC"}
    assert changed(FA=[{**FINDINGS[0], "FALNKGRP": "2"}, *FINDINGS[1:]]) == {"FA"}
    assert changed(RELREC=BETWEEN_TABLES[:2]) == {"FA", "RELREC"}
    assert changed(LB=[lb(result="41")]) == {"LB"}

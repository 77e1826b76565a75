"""What is counted and what is kept, whoever counts and in whatever order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.findings import Finding, Origin, Severity, in_order
from fhir_msc.reports import Cause, Report, Selection, Tally
from fhir_msc.reports.tally import fingerprint
from tests.unit.reports.strategies import few, findings, report

PLAIN = Finding("MSC-MAP-001", Severity.ERROR, "cannot be read", (Origin("lb.csv", "LB", 3, ("LBORRES",)),))


def kept(found: Report) -> list[Finding]:
    return [one.finding for one in found.findings]


def shown(finding: Finding) -> Finding:
    """As reports have it: without halves of surrogates."""
    [only] = kept(report([finding]))
    return only


@few
@given(st.lists(findings, max_size=8), st.integers(0, 8))
def test_all_are_counted_and_the_worst_and_first_are_kept(found: list[Finding], most: int) -> None:
    result = report(found, most=most)
    counts: Counter[Severity] = Counter()
    for one in found:
        counts[one.severity] += one.count
    assert {severity: result.count(severity) for severity in counts} == counts
    assert (result.found, result.omitted) == (len(found), max(len(found) - most, 0))
    assert sum(result.causes.values()) == sum(counts.values())
    assert kept(result) == [shown(one) for one in in_order(found)][:most]


@few
@given(st.lists(st.lists(findings, max_size=4), max_size=4), st.integers(0, 8), st.randoms())
def test_who_counts_changes_nothing(parts: list[list[Finding]], most: int, random: object) -> None:
    whole = Tally(most)
    for part in parts:
        whole.add(part, Selection())
    merged = Tally(most)
    for part in parts:
        one = Tally(most)
        one.add(part, Selection())
        merged.merge(one)
    assert merged.report() == whole.report()


@few
@given(st.lists(findings, min_size=1, max_size=30))
def test_a_tally_that_is_full_keeps_no_more(found: list[Finding]) -> None:
    tally = Tally(2)
    for one in found:
        tally.add([one], Selection())
    assert kept(tally.report()) == [shown(one) for one in in_order(found)][:2]


def test_places_are_asked_for_what_is_kept_alone() -> None:
    asked: list[Finding] = []

    def place(chosen: object) -> list[Finding]:
        asked.extend(chosen)  # type: ignore[arg-type]
        return list(chosen)  # type: ignore[call-overload]

    tally = Tally(1)
    later = replace(PLAIN, origins=(Origin("lb.csv", "LB", 9),))
    for one in (PLAIN, later, later, later, later):
        tally.add([one], Selection(), place=place)
    assert tally.report().found == 5
    assert len(asked) < 5


@pytest.mark.parametrize(
    ("rules", "excluded", "taken"),
    [
        ((), (), True),
        (("MSC-MAP-*",), (), True),
        (("MSC-MAP-002", "MSC-MAP-00?"), (), True),
        (("MSC-FHIR-*",), (), False),
        ((), ("MSC-MAP-001",), False),
        (("MSC-MAP-*",), ("*-001",), False),
    ],
)
def test_the_selection(rules: tuple[str, ...], excluded: tuple[str, ...], taken: bool) -> None:
    tally = Tally()
    tally.add([PLAIN], Selection(rules, excluded))
    assert tally.report().found == taken


def test_what_is_known_counts_nowhere_else() -> None:
    tally = Tally()
    tally.add([PLAIN, replace(PLAIN, rule="MSC-MAP-005")], Selection(known=frozenset({fingerprint(PLAIN)})))
    result = tally.report()
    assert (result.known, result.found, list(result.rules)) == (1, 1, [(Severity.ERROR, "MSC-MAP-005")])


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"value": "7"}, True),
        ({"hint": "other words"}, True),
        ({"severity": Severity.WARNING}, True),
        ({"rule": "MSC-MAP-005"}, False),
        ({"message": "another"}, False),
        ({"path": "Patient.name"}, False),
        ({"origins": (Origin("lb.csv", "LB", 4, ("LBORRES",)),)}, False),
        ({"origins": (Origin("lb.csv", "LB", 3, ("LBDTC",)),)}, False),
    ],
)
def test_what_a_finding_is_known_by(change: dict[str, object], same: bool) -> None:
    assert (fingerprint(PLAIN) == fingerprint(replace(PLAIN, **change))) is same  # type: ignore[arg-type]


def test_a_row_with_a_key_is_known_wherever_it_stands() -> None:
    with_key = replace(PLAIN, key="o1")
    moved = replace(with_key, origins=(Origin("lb.csv", "LB", 7, ("LBORRES",)),))
    assert fingerprint(with_key) == fingerprint(moved)
    assert fingerprint(with_key) != fingerprint(replace(with_key, key="o2"))


def test_a_report_fails_at_a_severity_and_at_worse_ones() -> None:
    result = report([replace(PLAIN, severity=Severity.WARNING)])
    assert [result.fails(severity) for severity in Severity] == [False, False, True, True]
    assert result.causes == {Cause(Severity.WARNING, "MSC-MAP-001", "cannot be read", None): 1}

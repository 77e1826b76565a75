"""Every format says the same of the same report, is well formed, and shows values only when asked."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import JUnitXml

from fhir_msc.findings import Finding, Origin, Place, Severity
from fhir_msc.reports import FORMATS, Report, rendered
from fhir_msc.validation import validate
from tests.unit.reports.strategies import few, report, reports

VALUE = "QX7Z"
ONE = Finding(
    "MSC-MAP-001",
    Severity.ERROR,
    "cannot be read",
    (Origin("lb.csv", "LB", 3, ("LBORRES",)),),
    path="Observation.value",
    hint="correct it",
    value=VALUE,
    place=Place(4, 17, Place(4, 21)),
)


def document(found: Report, form: str) -> Any:
    return json.loads(rendered(found, form))


@pytest.mark.parametrize("form", FORMATS)
def test_values_are_shown_only_when_asked(form: str) -> None:
    found = report([ONE])
    assert VALUE.encode() not in rendered(found, form)
    assert VALUE.encode() in rendered(found, form, show_values=True)


@pytest.mark.parametrize("form", FORMATS)
def test_it_says_where_and_what(form: str) -> None:
    text = rendered(report([ONE]), form).decode()
    for words in ("MSC-MAP-001", "lb.csv", "LBORRES", "cannot be read"):
        assert words in text
    if form != "text":
        assert "17" in text


@few
@given(reports)
def test_any_report_is_written_the_same_each_time(found: Report) -> None:
    for form in FORMATS:
        text = rendered(found, form, show_values=True)
        assert text == rendered(found, form, show_values=True), form
        text.decode("utf-8")


@few
@given(reports)
def test_json(found: Report) -> None:
    made = document(found, "json")
    assert made["counts"] == {severity.value: found.count(severity) for severity in Severity}
    assert [one["rule"] for one in made["findings"]] == [one.finding.rule for one in found.findings]
    assert (made["omitted"], len(made["unreadable"])) == (found.omitted, len(found.unreadable))


@few
@given(reports)
def test_an_outcome_is_valid_by_our_own_rules(found: Report) -> None:
    text = rendered(found, "outcome", show_values=True)
    assert validate(text) == []
    issues = json.loads(text)["issue"]
    assert [one["severity"] for one in issues[: len(found.findings)]] == [
        one.finding.severity.value for one in found.findings
    ]


@few
@given(reports)
def test_junit_is_read_by_another_reader(found: Report) -> None:
    made = JUnitXml.fromstring(rendered(found, "junit", show_values=True))
    told = (made.tests, made.failures, made.errors)
    made.update_statistics()
    assert told == (made.tests, made.failures, made.errors)
    assert made.tests == len(found.findings) + 1
    assert made.failures == sum(one.finding.is_error for one in found.findings)
    assert bool(made.errors) == bool(found.unreadable)


@few
@given(reports)
def test_csv(found: Report) -> None:
    text = rendered(found, "csv", show_values=True).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["rule"] for row in rows] == [one.finding.rule for one in found.findings]
    assert [row["count"] for row in rows] == [str(one.finding.count) for one in found.findings]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


class _Page(HTMLParser):
    """The tags that are open, and how many rows there are."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@few
@given(reports)
def test_html_is_closed_and_loads_nothing(found: Report) -> None:
    text = rendered(found, "html", show_values=True).decode()
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.tags.count("tr") == 2 + len(found.causes) + len(found.findings)
    assert not {"script", "img", "link", "iframe"} & set(page.tags)


@few
@given(st.text(max_size=20))
def test_no_text_of_the_data_becomes_markup(text: str) -> None:
    found = report([Finding("MSC-MAP-001", Severity.ERROR, "m", (Origin("f", "f"),), path=text, value=text)])
    page = _Page()
    page.feed(rendered(found, "html", show_values=True).decode())
    assert page.tags.count("td") == 5 + 6
    ElementTree.fromstring(rendered(found, "junit", show_values=True))


def test_sarif_points_at_the_place() -> None:
    [run] = document(report([ONE]), "sarif")["runs"]
    [result] = run["results"]
    [location] = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "lb.csv"},
        "region": {"startLine": 4, "startColumn": 17, "endLine": 4, "endColumn": 21},
    }
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "MSC-MAP-001"


def test_text_groups_by_cause_with_counts() -> None:
    many = [
        Finding("MSC-MAP-001", Severity.ERROR, "cannot be read", (Origin("lb.csv", "LB", row, ("LBORRES",)),))
        for row in range(1, 6)
    ]
    warning = Finding("MSC-MAP-006", Severity.WARNING, "differ", (Origin("ae.csv", "AE", 1),))
    text = rendered(report([warning, *many]), "text").decode().splitlines()
    assert text[0].split()[:4] == ["error", "MSC-MAP-001", "5", "x"]
    assert text[1:5] == [
        *(f"            lb.csv [LB] row {row} column LBORRES" for row in (1, 2, 3)), "            ... and 2 more"
    ]  # fmt: skip
    assert text[5].split()[:4] == ["warning", "MSC-MAP-006", "1", "x"]
    assert text[-1] == "6 resources checked, 5 errors, 1 others"


def test_text_beyond_what_is_kept_is_still_counted() -> None:
    many = [
        Finding("MSC-MAP-001", Severity.ERROR, "cannot be read", (Origin("lb.csv", "LB", row),)) for row in range(1, 6)
    ]
    text = rendered(report(many, most=1), "text").decode()
    assert "5 x  cannot be read" in text
    assert "4 findings are counted and their places not kept" in text

"""Findings as JUnit XML, which most CI systems show as tests: a suite per file, a failed test per error.

A warning or an information is a test that passes and says it on its output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from fhir_msc.findings import Finding
from fhir_msc.reports.tally import Report

_no_character = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report, show_values: bool) -> bytes:
    """The report as ``testsuites``."""
    wrong = sum(one.finding.is_error for one in report.findings)
    counts = f'tests="{len(report.findings) + 1}" failures="{wrong}" errors="{bool(report.unreadable):d}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="fhir-msc validate" {counts}>']
    lines += _run(report)
    by_file = sorted((one.finding for one in report.findings), key=_file)
    for file, members in groupby(by_file, key=_file):
        lines += _suite(file, list(members), show_values)
    return "\n".join([*lines, "</testsuites>", ""]).encode("utf-8", "replace")


def _run(report: Report) -> Iterator[str]:
    """A suite of its own for the run: it passes where all could be read."""
    errors = bool(report.unreadable)
    yield f'  <testsuite name="run" tests="1" failures="0" errors="{errors:d}">'
    yield f'    <testcase name="{report.resources} resources can be read" classname="run">'
    if errors:
        yield f'      <error type="unreadable" message={_attribute("; ".join(report.unreadable))}/>'
    if report.omitted:
        yield f"      <system-out>{report.omitted} findings are counted and not kept</system-out>"
    yield "    </testcase>"
    yield "  </testsuite>"


def _suite(file: str, members: list[Finding], show_values: bool) -> Iterator[str]:
    wrong = sum(one.is_error for one in members)
    yield f'  <testsuite name={_attribute(file)} tests="{len(members)}" failures="{wrong}" errors="0">'
    for one in members:
        said = "\n".join(_said(one, show_values))
        yield f"    <testcase name={_attribute(_name(one))} classname={_attribute(file)}>"
        if one.is_error:
            yield f'      <failure type="{one.rule}" message={_attribute(one.message)}>{_text(said)}</failure>'
        else:
            yield f"      <system-out>{_text(said)}</system-out>"
        yield "    </testcase>"
    yield "  </testsuite>"


def _said(one: Finding, show_values: bool) -> Iterator[str]:
    yield f"{one.severity.value} {one.rule}: {one.message}"
    yield from (str(origin) for origin in one.origins)
    if one.place is not None:
        yield str(one.place)
    if one.hint:
        yield one.hint
    if show_values and one.value is not None:
        yield f"value {one.value!r}"


def _name(one: Finding) -> str:
    cells = (
        " ".join((f"row {one.origins[0].row}" if one.origins[0].row else "", *one.origins[0].fields))
        if one.origins
        else ""
    )
    return " ".join(part for part in (one.rule, cells.strip(), one.path or "") if part)


def _file(one: Finding) -> str:
    return one.origins[0].file if one.origins else ""


def _text(text: str) -> str:
    return escape(_no_character.sub("\N{REPLACEMENT CHARACTER}", text))


def _attribute(text: str) -> str:
    return quoteattr(_no_character.sub("\N{REPLACEMENT CHARACTER}", text))

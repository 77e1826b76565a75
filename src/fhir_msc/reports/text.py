"""Findings for people: grouped by what they say, with counts, and the first places of each."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.reports.tally import Cause, Report, Selection, Tally

if TYPE_CHECKING:
    from rich.console import Console

MOST_SHOWN = 40
"""How many causes a person is shown; every other format has them all."""

_COLUMNS_SHOWN = 3
_PLACES_SHOWN = 3
_STYLES = {Severity.FATAL: "bold red", Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFORMATION: "cyan"}


def render(report: Report, show_values: bool) -> bytes:
    """The report as plain text, 120 columns wide where a line can be broken."""
    from rich.console import Console

    out = io.StringIO()
    print_report(Console(file=out, highlight=False, soft_wrap=True, width=120, no_color=True), report, show_values)
    return out.getvalue().encode("utf-8", "backslashreplace")


def print_report(out: Console, report: Report, show_values: bool) -> None:
    """The causes, what could not be read, and how many of what there are."""
    print_causes(out, report, show_values)
    for error in report.unreadable:
        out.print(f"unreadable  {error}", markup=False)
    wrong = report.count(Severity.FATAL) + report.count(Severity.ERROR)
    others = report.count(Severity.WARNING) + report.count(Severity.INFORMATION)
    out.print(f"{report.resources:,} resources checked, {wrong:,} errors, {others:,} others", markup=False)
    if report.known:
        out.print(f"{report.known:,} findings stand in the baseline", markup=False)


def print_findings(out: Console, findings: Sequence[Finding], show_values: bool) -> None:
    """The findings of another command, in the same way."""
    tally = Tally(len(findings))
    tally.add(findings, Selection())
    print_causes(out, tally.report(), show_values)


def print_causes(out: Console, report: Report, show_values: bool) -> None:
    """The findings, grouped by what they say, worst first."""
    from rich.text import Text

    members = _members(report)
    causes = sorted(report.causes, key=lambda cause: (cause.severity.rank, *_first(members.get(cause))))
    for number, cause in enumerate(causes):
        if number == MOST_SHOWN:
            out.print(f"... and {len(causes) - MOST_SHOWN} more kinds of findings (--json has them all)", markup=False)
            break
        line = Text(f"{cause.severity.value:<11}", style=_STYLES[cause.severity])
        out.print(line.append(f" {cause.rule:<16} {report.causes[cause]:>6,} x  {cause.message}", style="default"))
        places = members.get(cause, [])
        for member in places[:_PLACES_SHOWN]:
            out.print(f"            {_place(member)}{_about(member, show_values)}", markup=False)
        rest = max(len(places), 0) - _PLACES_SHOWN
        if rest > 0:
            out.print(f"            ... and {rest:,} more", markup=False)
        if cause.hint:
            out.print(f"            -> {cause.hint}", markup=False)
    if report.omitted:
        out.print(f"{report.omitted:,} findings are counted and their places not kept (--max-findings)", markup=False)


def _members(report: Report) -> Mapping[Cause, list[Finding]]:
    members: dict[Cause, list[Finding]] = {}
    for finding, _ in report.findings:
        cause = Cause(finding.severity, finding.rule, finding.message, finding.hint)
        members.setdefault(cause, []).append(finding)
    return members


def _first(members: Sequence[Finding] | None) -> tuple[object, ...]:
    from fhir_msc.findings import order

    return (0, order(members[0])) if members else (1, ())


def _about(finding: Finding, show_values: bool) -> str:
    path = f"  {finding.path}" if finding.path else ""
    value = f"  value {finding.value!r}" if show_values and finding.value is not None else ""
    return path + value


def _place(finding: Finding) -> str:
    """The cells in a line's length: the first columns of many; the line and column of a text."""
    if not finding.origins:
        return finding.key or ""
    origin = finding.origins[0]
    if finding.place is not None and not origin.fields:
        return f"{origin.file}:{finding.place.line}:{finding.place.column}"
    return _cells(origin)


def _cells(origin: Origin) -> str:
    if len(origin.fields) <= _COLUMNS_SHOWN:
        return str(origin)
    return f"{replace(origin, fields=origin.fields[:_COLUMNS_SHOWN])}, ..."

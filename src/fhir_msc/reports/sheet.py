"""Findings as CSV (RFC 4180, UTF-8), one line per finding, for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io

from fhir_msc.findings import Finding
from fhir_msc.reports.tally import Found, Report

COLUMNS = (
    *("severity", "rule", "file", "table", "row", "columns", "line", "column"),
    *("path", "key", "count", "message", "hint", "fingerprint"),
)

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(report: Report, show_values: bool) -> bytes:
    """The findings that were kept. A text that a spreadsheet would calculate begins with an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow((*COLUMNS, *(("value",) if show_values else ())))
    for one in report.findings:
        cells = [*_cells(one), *([one.finding.value or ""] if show_values else [])]
        writer.writerow([_plain(cell) if isinstance(cell, str) else cell for cell in cells])
    return out.getvalue().encode("utf-8", "backslashreplace")


def _cells(one: Found) -> tuple[object, ...]:
    finding: Finding = one.finding
    origin = finding.origins[0] if finding.origins else None
    where = ("", "", "", "")
    if origin is not None:
        where = (origin.file, origin.table, str(origin.row or ""), " ".join(origin.fields))
    place = finding.place
    return (
        *(finding.severity.value, finding.rule, *where),
        *((place.line, place.column) if place is not None else ("", "")),
        *(finding.path or "", finding.key or "", finding.count, finding.message, finding.hint or "", one.fingerprint),
    )


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text

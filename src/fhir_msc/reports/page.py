"""Findings as one HTML page that needs nothing else: no script, no font, nothing from another place."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from fhir_msc.findings import Finding, Severity
from fhir_msc.reports.tally import Report

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
body { color: #1b1b1b; background: #fff }
table { border-collapse: collapse; width: 100%; margin: 0 0 2rem }
caption { text-align: left; font-weight: 600; padding: .5rem 0 }
th, td { border-bottom: 1px solid #ccc; padding: .35rem .6rem; text-align: left; vertical-align: top }
th, td { overflow-wrap: anywhere }
td.n { text-align: right; font-variant-numeric: tabular-nums }
.fatal, .error { color: #a40000 } .warning { color: #7a4b00 } .information { color: #004a80 }
"""


def render(report: Report, show_values: bool) -> bytes:
    """The report as a page: counts, causes, findings."""
    counts = ", ".join(f"{report.count(severity):,} {severity.value}" for severity in Severity)
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>fhir-msc validate</title><style>{_STYLE}</style></head><body>",
        "<main><h1>What was found</h1>",
        f"<p>{report.resources:,} resources checked: {counts}.</p>",
        *(f'<p class="error">Unreadable: {escape(error)}</p>' for error in report.unreadable),
        *([f"<p>{report.known:,} findings stand in the baseline.</p>"] if report.known else []),
        *_causes(report),
        *_findings(report, show_values),
        "</main></body></html>",
    ]
    return "\n".join([*lines, ""]).encode("utf-8", "backslashreplace")


def _causes(report: Report) -> Iterator[str]:
    yield from _head("By cause", ("severity", "rule", "count", "what it says", "what to do"))
    for cause, count in report.causes.items():
        yield (
            f'<tr><td class="{cause.severity.value}">{cause.severity.value}</td><td>{escape(cause.rule)}</td>'
            f'<td class="n">{count:,}</td><td>{escape(cause.message)}</td><td>{escape(cause.hint or "")}</td></tr>'
        )
    yield "</tbody></table>"


def _findings(report: Report, show_values: bool) -> Iterator[str]:
    columns = ("severity", "rule", "place", "element", "what it says", *(("value",) if show_values else ()))
    yield from _head("One by one", columns)
    for one, _ in report.findings:
        cells = [escape(one.rule), escape(_place(one)), escape(one.path or ""), escape(one.message)]
        cells += [escape(one.value or "")] if show_values else []
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        yield f'<tr><td class="{one.severity.value}">{one.severity.value}</td>{row}</tr>'
    yield "</tbody></table>"
    if report.omitted:
        yield f"<p>{report.omitted:,} findings are counted and not listed.</p>"


def _place(one: Finding) -> str:
    parts = [str(origin) for origin in one.origins[:1]] or [one.key or ""]
    return ", ".join([*parts, *([str(one.place)] if one.place is not None else [])])


def _head(title: str, columns: tuple[str, ...]) -> Iterator[str]:
    yield f"<table><caption>{title}</caption><thead><tr>"
    yield "".join(f'<th scope="col">{column}</th>' for column in columns)
    yield "</tr></thead><tbody>"

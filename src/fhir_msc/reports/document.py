"""Findings as JSON: the document of ``--json``."""

from __future__ import annotations

import orjson

from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.reports.tally import Report


def render(report: Report, show_values: bool) -> bytes:
    """The report as one JSON document."""
    return orjson.dumps(report_document(report, show_values), option=orjson.OPT_INDENT_2) + b"\n"


def report_document(report: Report, show_values: bool) -> dict[str, object]:
    """What was checked, how many findings of each severity there are, and those that were kept."""
    return {
        "resources": report.resources,
        "counts": {severity.value: report.count(severity) for severity in Severity},
        "known": report.known,
        "omitted": report.omitted,
        **report.details,
        "findings": [
            finding_document(one.finding, show_values) | {"fingerprint": one.fingerprint} for one in report.findings
        ],
        "unreadable": list(report.unreadable),
    }


def finding_document(finding: Finding, show_values: bool) -> dict[str, object]:
    """One finding. The cell's text only when asked for."""
    document: dict[str, object] = {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "count": finding.count,
        "origins": [origin_document(origin) for origin in finding.origins],
    }
    optional = {
        "path": finding.path,
        "key": finding.key,
        "patient": finding.patient,
        "hint": finding.hint,
    }
    document |= {name: text for name, text in optional.items() if text is not None}
    if finding.place is not None:
        document["place"] = {"line": finding.place.line, "column": finding.place.column}
    if show_values and finding.value is not None:
        document["value"] = finding.value
    return document


def origin_document(origin: Origin) -> dict[str, object]:
    """The cells something comes from."""
    document: dict[str, object] = {"file": origin.file, "table": origin.table}
    if origin.row is not None:
        document["row"] = origin.row
    if origin.key is not None:
        document["key"] = origin.key
    if origin.fields:
        document["columns"] = list(origin.fields)
    return document

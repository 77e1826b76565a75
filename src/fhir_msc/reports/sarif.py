"""Findings as SARIF 2.1.0 (OASIS, https://docs.oasis-open.org/sarif/sarif/v2.1.0/), which code hosts show at the line.

A finding points at line and column of its file, one about a cell at the cell; lines and columns count from 1, columns
in characters. A cell of a file that is no delimited text, and one of a blind project's file of which anything is
sealed, is a logical location alone.
"""

from __future__ import annotations

from os.path import normpath
from urllib.parse import quote

import orjson

from fhir_msc.findings import Finding, Place, Severity
from fhir_msc.reports.rules import rule_of
from fhir_msc.reports.tally import Found, Report
from fhir_msc.version import __version__

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.FATAL: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "note",
}


def render(report: Report, show_values: bool) -> bytes:
    """The report as a SARIF log with one run."""
    rules = sorted({one.finding.rule for one in report.findings})
    numbers = {rule: number for number, rule in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "fhir-msc", "version": __version__, "rules": [_rule(rule) for rule in rules]}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.unreadable,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": f"unreadable: {error}"}} for error in report.unreadable
                ],
            }
        ],
        "results": [_result(one, numbers, report.folder, show_values) for one in report.findings],
        "properties": {"resources": report.resources, "omitted": report.omitted, "known": report.known},
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def _result(one: Found, numbers: dict[str, int], folder: str, show_values: bool) -> dict[str, object]:
    finding = one.finding
    result: dict[str, object] = {
        "ruleId": finding.rule,
        "ruleIndex": numbers[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message} ({finding.hint})" if finding.hint else finding.message},
        "occurrenceCount": finding.count,
        "partialFingerprints": {"fhirMsc/v1": one.fingerprint},
    }
    location = _location(finding, folder)
    if location:
        result["locations"] = [location]
    if show_values and finding.value is not None:
        result["properties"] = {"value": finding.value}
    return result


def _location(finding: Finding, folder: str) -> dict[str, object]:
    location: dict[str, object] = {}
    if finding.origins:
        physical: dict[str, object] = {"artifactLocation": {"uri": _uri(finding.origins[0].file, folder)}}
        if finding.place is not None:
            physical["region"] = _region(finding.place)
        location["physicalLocation"] = physical
    logical = []
    if finding.origins and (finding.origins[0].fields or finding.origins[0].table != finding.origins[0].file):
        logical.append({"fullyQualifiedName": str(finding.origins[0]), "kind": "cell"})
    if finding.path:
        logical.append({"fullyQualifiedName": finding.path, "kind": "element"})
    if logical:
        location["logicalLocations"] = logical
    return location


def _region(place: Place) -> dict[str, object]:
    region: dict[str, object] = {"startLine": place.line, "startColumn": place.column}
    if place.until is not None:
        region |= {"endLine": place.until.line, "endColumn": place.until.column}
    return region


def _rule(name: str) -> dict[str, object]:
    described = rule_of(name)
    if described is None:
        return {"id": name}
    return {"id": name, "shortDescription": {"text": described.says}, "help": {"text": described.remedy}}


def _uri(file: str, folder: str) -> str:
    path = normpath(f"{folder}/{file}") if folder else file
    quoted = quote(path, safe="/", errors="replace")
    return f"file://{quoted}" if path.startswith("/") else quoted

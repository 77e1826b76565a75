"""Findings as one OperationOutcome (http://hl7.org/fhir/R4/operationoutcome.html), as FHIR's own tools give them.

File, line and column stand in HL7's extensions for them (hl7.fhir.uv.extensions).
"""

from __future__ import annotations

import orjson

from fhir_msc.findings import Finding
from fhir_msc.reports.tally import Report

_EXTENSIONS = "http://hl7.org/fhir/StructureDefinition"
_CODES = (
    ("FHIR-JSON-DUPLICATE", "duplicate"),
    ("FHIR-JSON-SIZE", "too-long"),
    ("FHIR-JSON", "structure"),
    ("FHIR-STRUCTURE", "structure"),
    ("FHIR-CARDINALITY-MIN", "required"),
    ("FHIR-CARDINALITY", "structure"),
    ("FHIR-BINDING", "code-invalid"),
    ("FHIR-CODE", "code-invalid"),
    ("UNIT", "code-invalid"),
    ("FHIR-REFERENCE-UNRESOLVED", "not-found"),
    ("FHIR-EXTENSION", "extension"),
    ("FHIR-INVARIANT", "invariant"),
    ("FHIR", "value"),
)
"""The issue type (http://hl7.org/fhir/issue-type) by what an id begins with behind ``MSC-``; the first that fits."""


def render(report: Report, show_values: bool) -> bytes:
    """The report as JSON of an OperationOutcome; one that says that all is well where nothing was found."""
    issues = [_issue(one.finding, show_values) for one in report.findings]
    issues += [
        {"severity": "fatal", "code": "not-found", "details": {"text": _text(f"unreadable: {error}")}}
        for error in report.unreadable
    ]
    if report.omitted:
        issues.append(_informational(f"{report.omitted} more findings"))
    if not issues:
        issues = [_informational(f"nothing was found in {report.resources} resources")]
    document = {"resourceType": "OperationOutcome", "issue": issues}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def _informational(text: str) -> dict[str, object]:
    return {"severity": "information", "code": "informational", "details": {"text": text}}


def _issue(finding: Finding, show_values: bool) -> dict[str, object]:
    issue: dict[str, object] = {}
    extensions: list[dict[str, object]] = []
    if finding.place is not None:
        extensions.append({"url": f"{_EXTENSIONS}/operationoutcome-issue-line", "valueInteger": finding.place.line})
        extensions.append({"url": f"{_EXTENSIONS}/operationoutcome-issue-col", "valueInteger": finding.place.column})
    extensions.append({"url": f"{_EXTENSIONS}/operationoutcome-message-id", "valueString": finding.rule})
    issue["extension"] = extensions
    issue["severity"] = finding.severity.value
    rule = finding.rule.removeprefix("MSC-")
    issue["code"] = next((code for start, code in _CODES if rule.startswith(start)), "business-rule")
    issue["details"] = {"text": _text(finding.message)}
    said = [str(origin) for origin in finding.origins[:1]]
    said += [finding.hint] if finding.hint else []
    said += [f"value {finding.value!r}"] if show_values and finding.value is not None else []
    if said:
        issue["diagnostics"] = _text("; ".join(said))
    if finding.path:
        issue["expression"] = [_text(finding.path)]
    return issue


def _text(text: str) -> str:
    """Any text as FHIR's string allows it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)

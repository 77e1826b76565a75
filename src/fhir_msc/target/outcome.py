"""OperationOutcome read into reasons that can be logged.

A reason is ``code`` or ``code at expression``, the code followed by the server's own message number where there is one
(``processing (HAPI-1094) at Observation.subject``). Codes come from the closed list of R4
(https://hl7.org/fhir/R4/valueset-issue-type.html). ``diagnostics`` and ``details.text`` can echo a participant's
values: of them only the entry's number, an element path and a HAPI message number are taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fhir_msc.target.fhirjson import JsonObject, objects, text, texts

CODES = frozenset(
    {
        "invalid",
        "structure",
        "required",
        "value",
        "invariant",
        "security",
        "login",
        "unknown",
        "expired",
        "forbidden",
        "suppressed",
        "processing",
        "not-supported",
        "duplicate",
        "multiple-matches",
        "not-found",
        "deleted",
        "too-long",
        "code-invalid",
        "extension",
        "too-costly",
        "business-rule",
        "conflict",
        "transient",
        "lock-error",
        "no-store",
        "exception",
        "timeout",
        "incomplete",
        "throttled",
        "informational",
    }
)
"""R4's issue types."""

TRANSIENT = frozenset({"transient", "lock-error", "timeout", "throttled", "conflict"})
"""Issue types that may pass by themselves (R4 nests them under ``transient``, ``conflict`` under ``processing``)."""

_PATH = re.compile(r"[A-Z][A-Za-z]+(?:\.[A-Za-z][A-Za-z0-9]*(?:\[x\]|\([A-Z][A-Za-z]*\))?|\[\d{1,6}\])*")
_COMMENT = re.compile(r"/\*.*?\*/")
_XPATH_ENTRY = re.compile(r"^/?(?:f:)?Bundle/(?:f:)?entry\[(\d{1,6})\]")
_ENTRY = re.compile(r"Bundle\.entry\[(\d{1,6})\]")
_NAMED_PATH = re.compile(r"\bpath: ([A-Z][A-Za-z]+\.[A-Za-z.]+[A-Za-z])|\[element=\"([a-z][A-Za-z]{1,40})\"\]")
_HAPI = re.compile(r"\bHAPI-\d{4}\b")
_LONGEST_PATH = 200


def reasons_of(outcome: JsonObject) -> tuple[str, ...]:
    """The reasons of an OperationOutcome, errors only if it has any; empty for another document."""
    if outcome.get("resourceType") != "OperationOutcome":
        return ()
    issues = objects(outcome.get("issue"))
    errors = [issue for issue in issues if issue.get("severity") in ("fatal", "error")]
    return tuple(dict.fromkeys(_reason(issue) for issue in errors or issues))


def code_of(reason: str) -> str:
    """The issue type that a reason starts with."""
    return reason.partition(" ")[0]


def entry_index(reasons: Iterable[str]) -> int | None:
    """The number of the bundle's entry, from 0, that the reasons blame; ``None`` if they name none or several."""
    entries = {int(found.group(1)) for reason in reasons if (found := _ENTRY.search(reason))}
    return entries.pop() if len(entries) == 1 else None


def _reason(issue: JsonObject) -> str:
    code = text(issue.get("code"))
    diagnostics = text(issue.get("diagnostics")) or ""
    words = code if code in CODES else "unknown"
    if numbers := _HAPI.findall(diagnostics):
        words = f"{words} ({numbers[-1]})"  # HAPI wraps one message in another; the last is the cause
    path = _path(issue, diagnostics)
    return f"{words} at {path}" if path else words


def _path(issue: JsonObject, diagnostics: str) -> str | None:
    for place in (*texts(issue.get("expression")), *texts(issue.get("location"))):
        if xpath := _XPATH_ENTRY.match(place):
            return f"Bundle.entry[{int(xpath.group(1)) - 1}]"  # XPath counts from 1
        # cut at what is no plain path: a where(...) may hold a value
        path = _PATH.match(_COMMENT.sub("", place))
        if path and "." in path.group():
            return path.group()[:_LONGEST_PATH]
    if entry := _ENTRY.search(diagnostics):
        return entry.group()
    named = _NAMED_PATH.search(diagnostics)
    return (named.group(1) or named.group(2))[:_LONGEST_PATH] if named else None

"""OperationOutcome: what a reason says, and what it never says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.target.outcome import CODES, TRANSIENT, code_of, entry_index, reasons_of


def outcome(*issues: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def issue(code: str = "processing", severity: str = "error", **more: Any) -> dict[str, Any]:
    return {"severity": severity, "code": code, **more}


@pytest.mark.parametrize(
    ("given_issue", "reason"),
    [
        (issue("value"), "value"),
        (issue("value", expression=["Observation.value"]), "value at Observation.value"),
        (
            issue("invariant", expression=["Bundle.entry[7].resource.ofType(Observation).component[0].value[x]"]),
            "invariant at Bundle.entry[7].resource.ofType(Observation).component[0].value[x]",
        ),
        # HL7's validator writes the resource's id as a comment into the path
        (
            issue("required", expression=["Bundle.entry[3].resource/*Observation/o12*/.status"]),
            "required at Bundle.entry[3].resource.status",
        ),
        (issue("value", location=["Line[1] Col[233]", "Observation.status"]), "value at Observation.status"),
        # the old XPath location counts from 1
        (issue("value", location=["/f:Bundle/f:entry[73]/f:resource/f:Observation"]), "value at Bundle.entry[72]"),
        (issue(diagnostics="Bundle.entry[72]: not this one"), "processing at Bundle.entry[72]"),
        (
            issue(diagnostics="HAPI-1094: Resource Patient/p1 not found, specified in path: Observation.subject"),
            "processing (HAPI-1094) at Observation.subject",
        ),
        (
            issue(
                diagnostics="HAPI-0450: Failed to parse request body as JSON resource. Error was: HAPI-1821: "
                '[element="status"] Invalid attribute value "Mustermann": Unknown ObservationStatus code'
            ),
            "processing (HAPI-1821) at status",
        ),
        # a code that R4 does not have may be anything, a name too
        (issue("Mustermann"), "unknown"),
        ({"severity": "error"}, "unknown"),
        # what a criterion compares with is a value
        (issue("value", expression=["Patient.name.where(family='Mustermann').given"]), "value at Patient.name.where"),
        (issue("value", expression=["Max Mustermann"]), "value"),
    ],
)
def test_reason(given_issue: dict[str, Any], reason: str) -> None:
    assert reasons_of(outcome(given_issue)) == (reason,)


def test_errors_come_alone_and_once() -> None:
    issues = (issue("informational", "information"), issue("value"), issue("value"), issue("structure", "fatal"))
    assert reasons_of(outcome(*issues)) == ("value", "structure")
    assert reasons_of(outcome(issue("throttled", "warning"))) == ("throttled",)


@pytest.mark.parametrize("document", [{}, {"resourceType": "Patient"}, outcome(), {"resourceType": "OperationOutcome"}])
def test_without_reasons(document: dict[str, Any]) -> None:
    assert reasons_of(document) == ()


@given(st.text(max_size=40))
def test_free_text_never_shows(words: str) -> None:
    secret = f"Mustermann {words} 1951-03-12"
    (reason,) = reasons_of(outcome(issue(diagnostics=secret, details={"text": secret})))
    assert "Mustermann" not in reason
    assert "1951" not in reason


@pytest.mark.parametrize(
    ("reasons", "entry"),
    [
        (["value at Bundle.entry[72].resource.status"], 72),
        (["value at Bundle.entry[0]", "required at Bundle.entry[0].request"], 0),
        (["value at Bundle.entry[1]", "value at Bundle.entry[2]"], None),
        (["value at Observation.status"], None),
        ([], None),
    ],
)
def test_entry_index(reasons: list[str], entry: int | None) -> None:
    assert entry_index(reasons) == entry


def test_codes() -> None:
    assert TRANSIENT < CODES
    assert code_of("value") == "value"
    assert code_of("processing (HAPI-1094) at Observation.subject") == "processing"

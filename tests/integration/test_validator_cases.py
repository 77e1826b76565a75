"""HL7's validator suite: the same verdict, but for what is listed here with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_msc.findings import Severity
from fhir_msc.validation import validate

pytestmark = pytest.mark.shared

_OPTION = "an option of the suite's validator that is off unless it is asked for"
_EXTENSION = (
    "an extension that no package here defines: R4 says that nothing is to be rejected for its extensions alone"
)
_PARAMETER = "the parameters of value sets, which R4 does not have"
OTHERWISE = {
    "bad-markdown-no-html": _OPTION,
    "contained-resource-bad-id-ignore": f"{_OPTION}; the id is too long, and the resource is not referred to",
    "dr-example-org": _OPTION,
    "nested-questionnaire-nested-valueset": _EXTENSION,
    "obs-vs-1": _EXTENSION,
    "parameters-reference-bad": f"{_OPTION}: nothing is fetched",
    "pat-security-bad-string": _OPTION,
    "target-ref-profile-empty": _EXTENSION,
    "vs-params-2": _PARAMETER,
    "vs-params-4": _PARAMETER,
}
"""The cases on which this verdict is another than the suite's, and why."""


def test_the_verdict_is_the_suite_s(shared: Path) -> None:
    folder = shared / "data" / "hl7-validator-cases"
    cases = json.loads((folder / "expected.json").read_bytes())
    otherwise = set()
    for case in cases:
        findings = validate((folder / "cases" / case["file"]).read_bytes())
        verdict = "invalid" if any(one.severity is Severity.ERROR for one in findings) else "valid"
        if verdict != case["verdict"]:
            otherwise.add(Path(case["file"]).stem)
    assert otherwise == OTHERWISE.keys()
    assert len(cases) == 64

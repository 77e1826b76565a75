"""HL7's validator suite: the same verdict, but for what stands with its reason in `tests/agreement/reasons.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_msc.findings import Severity
from fhir_msc.validation import validate
from tests.agreement.reasons import CASES

pytestmark = pytest.mark.shared


def test_the_verdict_is_the_suite_s(shared: Path) -> None:
    folder = shared / "data" / "hl7-validator-cases"
    cases = json.loads((folder / "expected.json").read_bytes())
    otherwise = set()
    for case in cases:
        findings = validate((folder / "cases" / case["file"]).read_bytes())
        verdict = "invalid" if any(one.severity is Severity.ERROR for one in findings) else "valid"
        if verdict != case["verdict"]:
            otherwise.add(Path(case["file"]).stem)
    assert otherwise == CASES.keys()
    assert len(cases) == 64

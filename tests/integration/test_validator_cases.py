"""HL7's validator suite: the same verdict, but for what stands with its reason in `tests/agreement/reasons.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agreement.comparison import our_errors
from tests.agreement.documents import cases
from tests.agreement.reasons import CASES

pytestmark = pytest.mark.shared


def test_the_verdict_is_the_suite_s(shared: Path) -> None:
    documents = list(cases(shared))
    assert {one.name for one in documents if bool(our_errors(one)) is one.valid} == CASES.keys()
    assert len(documents) == 64

"""Our verdicts beside those of HL7's engine, on a sample; the whole comparison is `make agreement`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agreement.comparison import compared
from tests.agreement.documents import examples, mutants
from tests.agreement.reasons import reason_of
from tests.agreement.verdicts import Verdicts
from tests.support.engine import Hl7Engine

pytestmark = [pytest.mark.hapi, pytest.mark.npm]


def test_the_verdicts_are_the_same_or_have_a_reason(hl7_engine: Hl7Engine, tmp_path: Path) -> None:
    small = [document for document in examples() if len(document.text) < 3_000]
    sample = [*small[::20], *mutants(small, 64, "sample")]
    found = [one for one in compared(sample, Verdicts(tmp_path, hl7_engine)) if not one.engine.crashed]
    assert len(found) > 80
    assert [one.document.name for one in found if not one.same and reason_of(one) is None] == []
    assert sum(one.same for one in found) >= 0.95 * len(found)
    both = [one for one in found if one.comparable]
    assert sum(one.same_element() for one in both) >= 0.95 * len(both) > 30

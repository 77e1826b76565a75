"""Some thousands of the inputs of ``make fuzz``; and a validator that fails on purpose is caught."""

from __future__ import annotations

from collections import Counter

import pytest

import tests.fuzz.answers as answers
from tests.fuzz.inputs import fuzzed
from tests.fuzz.seeds import seeds

COUNT = 3_000


@pytest.fixture(scope="module")
def documents() -> list[bytes]:
    return seeds()


def test_every_input_is_answered_with_findings(documents: list[bytes]) -> None:
    counts: Counter[str] = Counter()
    for number in range(COUNT):
        kind, why = answers.answer(fuzzed(documents, number))
        assert why is None, f"input {number}: {why}"
        counts[kind] += 1
    assert counts["rejected"] > COUNT / 2
    assert counts["accepted"] > COUNT / 100


def test_a_number_fixes_its_input(documents: list[bytes]) -> None:
    assert [fuzzed(documents, number) for number in range(50)] == [fuzzed(documents, number) for number in range(50)]


def test_an_exception_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(text: bytes) -> list[object]:
        raise RecursionError("too deep")

    monkeypatch.setattr(answers, "validate", failing)
    assert answers.answer(b"{}") == ("unanswered", "RecursionError: too deep")

"""What fhir.resources (R4B models) rejects we reject: some thousands of the documents of ``make mutation``."""

from __future__ import annotations

import pytest

import tests.mutation.comparison as comparison
from tests.mutation.documents import Json, mutant, originals, shared_types
from tests.mutation.faults import Fault

pytestmark = [pytest.mark.npm, pytest.mark.together]
COUNT = 3_000


@pytest.fixture(scope="module")
def by_type() -> dict[str, list[tuple[str, Json]]]:
    return originals()


def test_nearly_every_shared_type_has_an_example(by_type: dict[str, list[tuple[str, Json]]]) -> None:
    assert len(by_type) > 0.8 * len(shared_types())


def test_what_fhir_resources_rejects_we_reject(by_type: dict[str, list[tuple[str, Json]]]) -> None:
    counts = comparison.compared(by_type, range(COUNT))
    assert counts.missed == []
    assert counts.documents > 0.95 * COUNT
    assert counts.both > COUNT / 2
    assert counts.nobody > COUNT / 20


def test_a_number_fixes_its_document(by_type: dict[str, list[tuple[str, Json]]]) -> None:
    assert [mutant(by_type, number) for number in range(50)] == [mutant(by_type, number) for number in range(50)]


def test_what_nobody_here_rejects_is_missed(
    by_type: dict[str, list[tuple[str, Json]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "validate", lambda document: [])
    counts = comparison.compared(by_type, range(50))
    assert len(counts.missed) == counts.rejected > 0


def test_a_fault_is_one_of_type_element_and_message() -> None:
    fault = Fault("Patient", r"^name", "too long", "for the test")
    assert fault.covers("Patient", "name.0.family: is too long")
    assert not fault.covers("Person", "name.0.family: is too long")
    assert not fault.covers("Patient", "text: is too long")
    assert not fault.covers("Patient", "name.0.family: is too short")

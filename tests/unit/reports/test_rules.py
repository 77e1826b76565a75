"""The list of rules as the command line knows it."""

from __future__ import annotations

import pytest

from fhir_msc.errors import UsageError
from fhir_msc.reports.rules import known_rules, refuse_unknown, rule_named, rule_of
from tests.unit.test_documents import documented_rules


def test_they_are_those_of_the_page_each_with_its_text_and_source() -> None:
    found = {f"{rule.id}-…" if rule.family else rule.id: rule.severity for rule in known_rules()}
    assert found == documented_rules()
    assert [rule.id for rule in known_rules() if not (rule.says and rule.remedy and rule.source)] == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("MSC-MAP-001", "MSC-MAP-001"),
        ("msc-map-001", "MSC-MAP-001"),
        ("MSC-FHIR-TYPE", "MSC-FHIR-TYPE"),
        ("MSC-FHIR-TYPE-DATE", "MSC-FHIR-TYPE"),
        ("MSC-FHIR-INVARIANT-OBS-6", "MSC-FHIR-INVARIANT"),
        ("MSC-FHIR-INVARIANT", "MSC-FHIR-INVARIANT"),
        ("MSC-FHIR-INVARIANT-…", "MSC-FHIR-INVARIANT"),
    ],
)
def test_a_rule_by_name(name: str, rule: str) -> None:
    assert rule_named(name).id == rule


def test_a_family_and_a_rule_of_one_name_are_two() -> None:
    assert not rule_named("MSC-FHIR-TYPE").family
    assert rule_named("MSC-FHIR-TYPE-DATE").family
    assert rule_of("MSC-OWN-001") is None


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="MSC-CONSENT-002"):
        rule_named("MSC-CONSENTS-002")


@pytest.mark.parametrize(
    "pattern", ["MSC-MAP-001", "MSC-MAP-*", "*", "*-001", "MSC-FHIR-INVARIANT-OBS-?", "MSC-FHIR-I*"]
)
def test_patterns_that_may_match(pattern: str) -> None:
    refuse_unknown((pattern,))


@pytest.mark.parametrize("pattern", ["MSC-MAP-999", "MSC-MAPS-*", "MSC-FHIR-INVARIANTS", "X"])
def test_patterns_that_can_match_nothing(pattern: str) -> None:
    with pytest.raises(UsageError, match="there is no rule"):
        refuse_unknown(("MSC-MAP-001", pattern))

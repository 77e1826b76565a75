"""Which consent counts, and what ended it, where dates have times and zones or are partial."""

from __future__ import annotations

from typing import Literal

import pytest

from fhir_msc.desired.roster import Roster
from fhir_msc.release.consent import ConsentPolicy
from fhir_msc.trial import Consent


def consent(day: str, decision: Literal["given", "withdrawn"] = "given") -> Consent:
    return Consent(("consent", "DS", "S", day, decision), "S", (), day, decision)


def roster(*records: Consent) -> Roster:
    found = Roster(lambda _site: None, ConsentPolicy(), {})
    for record in records:
        found.add_consent(record)
    return found


@pytest.mark.parametrize(
    ("given", "withdrawn"),
    [
        ("2020-03-05T11:00:00+01:00", "2020-03-05"),
        ("2020-03-06T00:30:00+01:00", "2020-03-05T23:45:00Z"),
        ("2020-03-31T11:00:00+01:00", "2020-03"),
        ("2020-03", "2020-03-01"),
    ],
)
def test_the_consent_that_counts_has_what_ended_it(given: str, withdrawn: str) -> None:
    found = roster(consent(given), consent(withdrawn, "withdrawn"))
    assert found.consent_in_force("S") == (consent(given), consent(withdrawn, "withdrawn"))
    assert found.withdrawal_of(consent(given)) == consent(withdrawn, "withdrawn")


def test_a_consent_given_anew_has_no_withdrawal() -> None:
    first, end, again = consent("2020-01-05"), consent("2020-03-01", "withdrawn"), consent("2020-05-01T09:00:00Z")
    found = roster(again, end, first)
    assert found.consent_in_force("S") == (again, None)
    assert found.withdrawal_of(first) == end
    assert found.withdrawal_of(again) is None


def test_what_ends_a_later_consent_ends_the_one_before() -> None:
    # By the day the first was given after the withdrawal; by the time the second was given before it.
    first, second = consent("2020-03-06"), consent("2020-03-06T00:30:00+01:00")
    end = consent("2020-03-05T23:45:00Z", "withdrawn")
    found = roster(first, second, end)
    assert found.consent_in_force("S") == (first, end)
    assert found.withdrawal_of(first) == end

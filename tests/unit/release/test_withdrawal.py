"""A record as it stood when the consent was withdrawn, without the rest of the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_msc.release.consent import ConsentPolicy, Gate, consent_state, ends_uncovered
from fhir_msc.release.withdrawal import is_later, until_withdrawn
from fhir_msc.trial import Concept, Disposition, Infusion, Medication, Visit

HELD = consent_state(["2020-01-10"], [], ConsentPolicy())
WITHDRAWN = consent_state(["2020-01-10"], ["2020-06-01"], ConsentPolicy())
AGAIN = consent_state(["2020-01-10", "2020-08-01"], ["2020-06-01"], ConsentPolicy())


@pytest.mark.parametrize(
    ("ended", "dated", "history"),
    [
        ("2020-05-31", False, False),
        ("2020-07-01", True, False),
        ("2020-06", True, False),
        ("2020", True, False),
        ("2020-08-01", False, False),
        ("2020-08", True, False),
        ("2019", False, False),
        (None, False, False),
    ],
)
def test_a_gap_between_consents_covers_no_end(ended: str | None, dated: bool, history: bool) -> None:
    assert ends_uncovered(AGAIN, ended, Gate.DATED) == dated
    assert ends_uncovered(AGAIN, ended, Gate.HISTORY) == history
    assert not ends_uncovered(HELD, ended, Gate.DATED)


@pytest.mark.parametrize("kind", [Gate.DATED, Gate.HISTORY])
def test_after_the_last_withdrawal_no_end_is_covered(kind: Gate) -> None:
    covered = {day: not ends_uncovered(WITHDRAWN, day, kind) for day in ("2019", "2020-06-01", "2020-06-02", None)}
    assert covered == {"2019": True, "2020-06-01": True, "2020-06-02": False, None: False}


def test_an_infusion_without_an_end_is_over_on_its_day() -> None:
    given = Infusion(("k",), "S", (), "2020-06-01T23:00:00Z", reason=Concept(text="why"))
    assert until_withdrawn(given, WITHDRAWN) is given
    past = until_withdrawn(replace(given, status="stopped", end="2020-06-02T01:00:00Z"), WITHDRAWN)
    assert (past.end, past.status, past.reason) == (None, "unknown", None)
    running = replace(given, status="in-progress", end="2020-06-02")
    assert until_withdrawn(running, WITHDRAWN) == replace(running, end=None)
    visit = Visit(("k",), "S", (), "1", start="2020-06-01")
    assert until_withdrawn(visit, WITHDRAWN) is visit


def test_why_a_medication_was_not_taken_stays() -> None:
    refused = Medication(("k",), "S", (), "ASPIRIN", status="not-taken", status_reason=Concept(text="allergy"))
    assert until_withdrawn(refused, WITHDRAWN) is refused


@pytest.mark.parametrize(
    ("kind", "day", "later"),
    [
        ("died", "2020-06-02", True),
        ("discontinued", None, True),
        ("randomised", "2020-02-01", False),
        ("consent-withdrawn", "2020-06", False),
        ("unclear-withdrawal", "2020-06", False),
    ],
)
def test_a_step_after_the_withdrawal_is_later(kind: str, day: str | None, later: bool) -> None:
    step = Disposition(("k",), "S", (), kind, day)
    assert is_later(step, WITHDRAWN) == later
    assert not is_later(step, HELD)

"""Whatever stands in a document, the trial rules end without a traceback."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.validation.trial import TrialRules, facts_in, trial_problems
from fhir_msc.validation.trial.gathered import Gathered
from tests.unit.validation.trial.test_arms import administration
from tests.unit.validation.trial.test_plausibility import measured, pressure
from tests.unit.validation.trial.test_sets import ALL, PHQ, scored

JUNK = [None, 1, -1, 1e400, 10**30, True, "", "x", "2020-13-45", "\ud800", "9" * 400, [], {}, [None], [[]], {"a": 1}]
RULES = TrialRules(blind=True, arms=("Low dose", "x"), data_cut="2020-01-01", totals=(PHQ,))
PARTS = [
    *ALL, pressure(120, 80), measured("2160-0", 3, "mg/dL"), administration(dosage={"dose": {"value": 1}}),
    scored("t", "total", 5), scored("i", "one", 5),
]  # fmt: skip
DOCUMENTS = [*PARTS, {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": one} for one in PARTS]}]


def spoilt(value: Any, random: Random) -> Any:
    """The value with some parts of it replaced, left out or doubled."""
    if isinstance(value, dict):
        kept = {name: below for name, below in value.items() if random.random() > 0.03}
        return {name: spoilt(below, random) for name, below in kept.items()}
    if random.random() < 0.06:
        return random.choice(JUNK) if random.random() < 0.7 else [value, value]
    return [spoilt(one, random) for one in value] if isinstance(value, list) else value


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_resource(seed: int) -> None:
    random = Random(seed)
    gathered = Gathered(RULES.totals)
    for document in random.choices(DOCUMENTS, k=12):
        one = spoilt(document, random)
        trial_problems(one, RULES)
        gathered.add("source", facts_in(one, RULES))
    assert all(told.source == "source" for told in gathered.told())

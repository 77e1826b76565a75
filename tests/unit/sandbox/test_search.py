"""What goes into the index of the sandbox and what a query finds in it, against plain definitions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.sandbox import search
from fhir_msc.sandbox.bodies import Resource, clean
from fhir_msc.sandbox.outcome import Refused
from fhir_msc.sandbox.store import Store, Version

LOINC = "http://loinc.org"
PERIODS = {
    "eq": lambda low, high, start, end: low >= start and high <= end,
    "ne": lambda low, high, start, end: not (low >= start and high <= end),
    "gt": lambda low, high, start, end: high > end,
    "ge": lambda low, high, start, end: high > start,
    "lt": lambda low, high, start, end: low < start,
    "le": lambda low, high, start, end: low < end,
    "sa": lambda low, high, start, end: low >= end,
    "eb": lambda low, high, start, end: high <= start,
}


def observation(**more: Any) -> Resource:
    return {"resourceType": "Observation", "id": "o", "status": "final", **more}


def found(resource: Resource, *query: tuple[str, str]) -> bool:
    store = Store(None, lambda: 0)
    body, references = clean(resource, lambda text, path: text)
    with store.transaction():
        version = Version(body["resourceType"], body["id"], 1, 1_614_000_000_000, "PUT", b"{}")
        rid = store.write(version, None, b"", None)
        store.index(rid, search.index(body), references, new=True)
    matches = len(store.search(body["resourceType"], search.conditions(body["resourceType"], query)))
    assert matches == store.count(body["resourceType"], search.conditions(body["resourceType"], query))
    store.close()
    return bool(matches)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("_id", "o", True),
        ("_id", "other,o", True),
        ("_id", "Observation/o", True),
        ("_id", "O", False),
        ("identifier", "urn:a|1", True),
        ("identifier", "urn:a|", True),
        ("identifier", "1", True),
        ("identifier", "|1", False),
        ("identifier", "|2", True),
        ("identifier", "urn:b|1", False),
        ("identifier", "urn:a|2", False),
        ("identifier", "urn:b|1,urn:a|1", True),
        ("code", f"{LOINC}|1751-7", True),
        ("code", "ALB", True),
        ("code", f"{LOINC}|ALB", False),
        ("status", "final", True),
        ("status", "amended", False),
        ("category", "laboratory", True),
        ("_tag", "urn:t|x", True),
        ("_tag", "urn:t|y", False),
        ("subject", "Patient/p", True),
        ("subject", "p", True),
        ("subject", "Group/p", False),
        ("patient", "p", True),
        ("patient", "Patient/q", False),
        ("encounter", "Encounter/e", True),
        ("encounter", "p", False),
        ("date", "2021-02", True),
        ("date", "2021-02-03", True),
        ("date", "2021-02-03T09:30:00Z", True),
        ("date", "2021-02-04", False),
        ("_lastUpdated", "ge2021-02-22T13:20:00.000Z", True),
        ("_lastUpdated", "gt2021-02-22T13:20:00.000Z", False),
        ("_lastUpdated", "2021-02-22", True),
    ],
)
def test_one_observation(name: str, value: str, expected: bool) -> None:
    resource = observation(
        meta={"tag": [{"system": "urn:t", "code": "x"}]},
        identifier=[{"system": "urn:a", "value": "1"}, {"value": "2"}],
        code={"coding": [{"system": LOINC, "code": "1751-7"}, {"system": "urn:s", "code": "ALB"}]},
        category=[{"coding": [{"code": "laboratory"}]}],
        subject={"reference": "Patient/p"},
        encounter={"reference": "Encounter/e"},
        effectiveDateTime="2021-02-03T10:30:00+01:00",
    )
    assert found(resource, (name, value)) is expected


def test_every_condition_must_hold() -> None:
    resource = observation(identifier=[{"system": "urn:a", "value": "1"}])
    assert found(resource, ("identifier", "urn:a|1"), ("status", "final"))
    assert not found(resource, ("identifier", "urn:a|1"), ("status", "amended"))
    assert found(resource)


def test_as_many_values_as_it_takes() -> None:
    resource = observation(identifier=[{"system": "urn:a", "value": "1"}])
    others = [f"urn:a|{number}" for number in range(2, 901)]
    for name, value in (("identifier", "urn:a|1"), ("status", "final"), ("_lastUpdated", "2021"), ("_id", "o")):
        filler = ["2020"] * 899 if name == "_lastUpdated" else others
        assert found(resource, (name, ",".join([*filler, value])))
        with pytest.raises(Refused, match="900"):
            search.conditions("Observation", [(name, ",".join([*filler, value, value]))])


def test_patient_finds_patients_only() -> None:
    assert not found(observation(subject={"reference": "Group/p"}), ("patient", "p"))
    assert found(observation(subject={"reference": "Group/p"}), ("subject", "p"))


@given(
    st.sampled_from(sorted(PERIODS)),
    st.integers(1, 28),
    st.integers(0, 5),
    st.integers(1, 28),
    st.booleans(),
)
def test_date_prefixes_compare_spans(prefix: str, first: int, days: int, day: int, open_ended: bool) -> None:
    last = min(first + days, 28)
    period = {"start": f"2021-02-{first:02}"} | ({} if open_ended else {"end": f"2021-02-{last:02}"})
    expected = PERIODS[prefix](first, 10**9 if open_ended else last + 1, day, day + 1)
    value = f"{'' if prefix == 'eq' else prefix}2021-02-{day:02}"
    resource = {"resourceType": "Encounter", "id": "e", "period": period}
    assert found(resource, ("date", value)) is expected


@pytest.mark.parametrize(
    ("type_name", "name", "value"),
    [
        ("Observation", "dragon", "1"),
        ("Observation", "identifier:exact", "1"),
        ("Observation", "subject.identifier", "1"),
        ("Observation", "identifier", ""),
        ("Observation", "identifier", "urn:a|1,"),
        ("Observation", "date", "yesterday"),
        ("Observation", "date", "xx2021"),
        ("Observation", "_lastUpdated", ""),
        ("AdverseEvent", "identifier", "a|b"),
        ("AdverseEvent", "patient", "p"),
        ("BiologicallyDerivedProduct", "identifier", "a|b"),
        ("Provenance", "identifier", "a|b"),
    ],
)
def test_what_is_not_known_is_refused(type_name: str, name: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        search.conditions(type_name, [(name, value)])
    assert refused.value.status == 400
    assert "yesterday" not in refused.value.diagnostics


def test_other_types_are_found_by_identifier_and_tag() -> None:
    specimen = {"resourceType": "Specimen", "id": "s", "identifier": [{"system": "urn:a", "value": "1"}]}
    assert found(specimen, ("identifier", "urn:a|1"))
    assert set(search.parameters("Specimen")) == {"identifier", "_tag"}
    assert set(search.parameters("Provenance")) == {"_tag"}

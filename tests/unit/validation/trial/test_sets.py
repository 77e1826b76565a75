"""The rules about a set of FHIR files, each right and wrong: the same for any division into files and processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_msc.findings import Place
from fhir_msc.reports import Selection
from fhir_msc.validation.files import validate_files
from fhir_msc.validation.trial import TrialRules
from fhir_msc.validation.trial.totals import Total

Resource = dict[str, Any]

CONSENT, BIRTH, WINDOW, LINK, ID, IDENTIFIER, TOTAL, CUT = (
    "MSC-CONSENT-006", "MSC-TIME-004", "MSC-VISIT-001", "MSC-LINK-001", "MSC-KEY-003", "MSC-KEY-004", "MSC-VALUE-003",
    "MSC-TIME-003",
)  # fmt: skip
TRIAL = Selection(rules=("MSC-CONSENT-006", "MSC-TIME-00?", "MSC-VISIT-*", "MSC-LINK-*", "MSC-KEY-*", "MSC-VALUE-*"))
PHQ = Total("urn:t|total", ("urn:t|one", "urn:t|two"))


def patient(id: str = "a", born: str = "1970-05") -> Resource:
    return {"resourceType": "Patient", "id": id, "birthDate": born}


def subject(id: str = "a") -> Resource:
    return {"resourceType": "ResearchSubject", "id": f"s{id}", "individual": {"reference": f"Patient/{id}"}}


def consent(day: str = "2020-03-02", id: str = "a", **more: object) -> Resource:
    scope = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}
    return {
        "resourceType": "Consent", "id": f"c{id}{day}", "status": "active", "scope": scope, "dateTime": day,
        "patient": {"reference": f"https://ehr.example.org/fhir/Patient/{id}/_history/2"}, **more,
    }  # fmt: skip


def observation(id: str, day: str, who: str = "Patient/a", code: str = "x", **more: object) -> Resource:
    return {
        "resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": who},
        "code": {"coding": [{"system": "urn:t", "code": code}]}, "effectiveDateTime": day, **more,
    }  # fmt: skip


def infusion(id: str, day: str, visit: str, status: str = "completed") -> Resource:
    return {
        "resourceType": "MedicationAdministration", "id": id, "status": status, "subject": {"reference": "Patient/a"},
        "context": {"reference": f"Encounter/{visit}"}, "effectiveDateTime": day,
    }  # fmt: skip


def encounter(id: str, title: str) -> Resource:
    return {"resourceType": "Encounter", "id": id, "type": [{"text": title}], "subject": {"reference": "Patient/a"}}


def plan(*visits: tuple[str, str, int, int]) -> Resource:
    def window(low: int, high: int) -> Resource:
        limits = {"low": {"value": low, "code": "d"}, "high": {"value": high, "code": "d"}}
        return {"url": "https://t.example.org/StructureDefinition/visit-window", "valueRange": limits}

    actions = [
        {"title": title, "relatedAction": [{"relationship": relation, "extension": [window(low, high)]}]}
        for title, relation, low, high in visits
    ]
    return {"resourceType": "PlanDefinition", "id": "plan", "action": actions}


def scored(id: str, code: str, number: object, day: str = "2020-04-01") -> Resource:
    return observation(id, day, code=code, valueQuantity={"value": number})


def told(folder: Path, *resources: Resource, rules: TrialRules | None = None, jobs: int = 1) -> list[tuple[str, str]]:
    path = folder / "set.ndjson"
    path.write_text("".join(json.dumps(one) + "\n" for one in resources))
    found = validate_files([path], TRIAL, trial=rules or TrialRules(), jobs=jobs).findings
    lines = [json.dumps(one) for one in resources]
    return sorted((one.finding.rule, json.loads(lines[(one.finding.origins[0].row or 0) - 1])["id"]) for one in found)


SCHEDULE = plan(("Week 4", "after-start", 25, 31), ("Screening", "before-start", 1, 28))
FIRST = (encounter("e0", "Baseline"), infusion("i0", "2020-03-10T10:00:00Z", "e0"))


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([consent(), observation("o", "2020-03-02T08:00:00Z"), observation("p", "2020-03")], []),
        ([observation("o", "2020-03-01T23:00:00Z"), consent()], [(CONSENT, "o")]),
        ([observation("o", "2020-02"), consent(), consent("2021-01-01")], [(CONSENT, "o")]),
        ([observation("o", "2020-03-01"), consent(id="b")], []),
        ([observation("o", "2020-03-01"), consent(provision={"type": "deny"})], []),
        ([observation("o", "2020-03-01"), consent("2020-01-01", status="rejected"), consent()], [(CONSENT, "o")]),
        ([infusion("i", "2019", "e"), consent()], [(CONSENT, "i")]),
        ([patient(), observation("o", "1970-05-01")], []),
        ([observation("o", "1970-04-30"), patient()], [(BIRTH, "o")]),
        ([patient(born="2001-01-01"), observation("o", "2000"), observation("p", "2001")], [(BIRTH, "o")]),
        ([observation("o", "2020")], []),
        ([observation("o", "2020"), subject()], []),
        ([observation("o", "2020"), subject("b")], [(LINK, "o")]),
        ([subject("b"), encounter("e", "x"), infusion("i", "2020", "e"), patient()], [(LINK, "e"), (LINK, "i")]),
        ([patient(), patient()], []),
        ([patient(), patient("b"), patient(born="1971")], [(ID, "a")]),
        ([observation("a", "2020"), patient()], []),
        ([observation("o", "2020", status="amended"), observation("o", "2020")], [(ID, "o")]),
        ([SCHEDULE, *FIRST, encounter("e4", "Week 4"), infusion("i4", "2020-04-10", "e4")], []),
        ([SCHEDULE, *FIRST, encounter("e4", "Week 4"), infusion("i4", "2020-04-11", "e4")], [(WINDOW, "i4")]),
        ([infusion("i4", "2020-04-01", "e4"), encounter("e4", "Week 4"), *FIRST, SCHEDULE], [(WINDOW, "i4")]),
        ([SCHEDULE, *FIRST, encounter("e4", "Week 4"), infusion("i4", "2020-06", "e4")], []),
        ([SCHEDULE, *FIRST, encounter("e4", "Week 4"), infusion("i4", "2020-06-01", "e4", "not-done")], []),
        ([SCHEDULE, *FIRST, encounter("e4", "Week 5"), infusion("i4", "2020-06-01", "e4")], []),
        (
            [plan(("Week 4", "after-start", 25, 31), ("Week 4", "after-start", 50, 90)), *FIRST,
             encounter("e4", "Week 4"), infusion("i4", "2020-06-01", "e4")],
            [],
        ),
    ],
)  # fmt: skip
def test_what_a_set_tells(resources: list[Resource], expected: list[tuple[str, str]], tmp_path: Path) -> None:
    assert told(tmp_path, *resources) == expected


def identified(id: str, value: str, type: str = "Patient", system: str = "urn:mrn") -> Resource:
    return {"resourceType": type, "id": id, "identifier": [{"system": system, "value": value}]}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (identified("b", "2"), []),
        (identified("b", "1", "Person"), []),
        (identified("b", "1", system="urn:other"), []),
        (identified("b", "1"), [(IDENTIFIER, "b")]),
        ({**identified("b", "1"), "identifier": [{"system": "urn:mrn", "value": v} for v in ("1", "7")]}, []),
        (identified("a", "1") | {"gender": "male"}, [(ID, "a")]),
    ],
)
def test_an_identifier_is_ones_own(other: Resource, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    assert told(tmp_path, identified("a", "1"), other) == expected


@pytest.mark.parametrize(
    ("total", "one", "two", "wrong"), [(5, 2, 3, 0), (5, "2", 3.0, 0), (6, 2, 3, 1), (4, 2, 3, 1), (0, 0, 0, 0)]
)
def test_totals_beside_their_items(total: object, one: object, two: object, wrong: int, tmp_path: Path) -> None:
    rules = TrialRules(totals=(PHQ,))
    resources = [scored("t", "total", total), scored("i1", "one", one), scored("i2", "two", two)]
    assert told(tmp_path, *resources, rules=rules) == [(TOTAL, "t")] * wrong
    assert told(tmp_path, *resources) == []
    part = [{"code": item["code"], "valueQuantity": item["valueQuantity"]} for item in resources[1:]]
    assert told(tmp_path, resources[0] | {"component": part}, rules=rules) == [(TOTAL, "t")] * wrong


def test_items_that_lack_or_stand_twice(tmp_path: Path) -> None:
    rules = TrialRules(totals=(PHQ,))
    total, one, two = scored("t", "total", 5), scored("i1", "one", 6), scored("i2", "two", 3)
    assert told(tmp_path, total, two, rules=rules) == told(tmp_path, one, two, rules=rules) == []
    assert told(tmp_path, total, one, rules=rules) == [(TOTAL, "t")]
    assert told(tmp_path, total, one, two, scored("i3", "two", 2), rules=rules) == []
    assert told(tmp_path, total, one, scored("i2", "two", 3, "2020-05-01"), rules=rules) == [(TOTAL, "t")]
    words = observation(
        "i1", "2020-04-01", code="one", valueString="Often", component=[{"valueQuantity": {"value": 2}}]
    )
    assert told(tmp_path, total, words, two, rules=rules) == []
    assert told(tmp_path, scored("t", "total", 9), words, two, rules=rules) == [(TOTAL, "t")]


@pytest.mark.parametrize(("cut", "wrong"), [(None, 0), ("2020-04-01T00:00:00Z", 0), ("2020-04", 0), ("2020-03-31", 1)])
def test_after_the_data_cut(cut: str | None, wrong: int, tmp_path: Path) -> None:
    rules = TrialRules(data_cut=cut)
    assert told(tmp_path, observation("o", "2020-04-01"), rules=rules) == [(CUT, "o")] * wrong
    assert told(tmp_path, observation("o", "2020"), rules=rules) == []


def test_a_bundle_is_a_set(tmp_path: Path) -> None:
    urls = [f"urn:uuid:00000000-0000-4000-8000-00000000000{n}" for n in range(3)]
    resources = [
        {key: value for key, value in patient(born="2020-05-01").items() if key != "id"},
        observation("o", "2020-04-01", urls[0]),
        observation("o", "2020-06-01", urls[0]),
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": url, "resource": one} for url, one in zip(urls, resources, strict=True)],
    }
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle, indent=1))
    found = [one.finding for one in validate_files([path], TRIAL, trial=TrialRules()).findings]
    assert [(one.rule, one.path) for one in found] == [
        (ID, "Bundle.entry[2].resource"),
        (BIRTH, "Bundle.entry[1].resource.effectiveDateTime"),
    ]
    lines = path.read_text().splitlines()
    assert all(one.place is not None and one.place.line > 10 for one in found)
    assert found[1].place is not None
    assert "effectiveDateTime" in lines[found[1].place.line - 1]
    path.write_text(json.dumps(bundle | {"type": "history"}))
    assert [one.finding.rule for one in validate_files([path], TRIAL, trial=TrialRules()).findings] == [BIRTH]


def test_a_line_of_ndjson_is_the_place(tmp_path: Path) -> None:
    path = tmp_path / "set.ndjson"
    path.write_text("\n".join(map(json.dumps, (patient(), observation("o", "1969")))))
    [found] = validate_files([path], TRIAL, trial=TrialRules()).findings
    assert (found.finding.place, found.finding.origins[0].row) == (Place(2, 1), 2)


ALL = [
    patient(), patient("b", "2001"), patient(born="1971"), subject("b"), consent(), SCHEDULE, *FIRST,
    observation("o", "1960"), observation("p", "2020-03-05", "Patient/b"), encounter("e4", "Week 4"),
    infusion("i4", "2020-09-01", "e4"), identified("m", "1"), identified("n", "1"),
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(cut=st.integers(0, len(ALL)), backwards=st.booleans())
def test_it_does_not_matter_which_file_holds_what(cut: int, backwards: bool, tmp_path: Path) -> None:
    whole, one, two = tmp_path / "all.ndjson", tmp_path / "one.ndjson", tmp_path / "two.ndjson"
    for path, part in ((whole, ALL), (one, ALL[:cut]), (two, ALL[cut:])):
        path.write_text("".join(json.dumps(each) + "\n" for each in part))
    expected = validate_files([whole], TRIAL, trial=TrialRules())
    found = validate_files([two, one] if backwards else [one, two], TRIAL, trial=TrialRules())
    assert {rule for _, rule in expected.rules} == {CONSENT, BIRTH, WINDOW, LINK, ID, IDENTIFIER}
    assert found.rules == expected.rules


def test_two_processes_tell_what_one_tells(tmp_path: Path) -> None:
    path = tmp_path / "all.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in ALL))
    alone, together = (validate_files([path], TRIAL, trial=TrialRules(), jobs=jobs) for jobs in (1, 2))
    assert alone == together


@pytest.mark.parametrize("odd", [{}, {"resourceType": 4}, {"resourceType": "Bundle", "entry": {"a": 1}}, [1], "x"])
def test_what_is_no_resource_is_left_to_other_rules(odd: object, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(odd))
    assert validate_files([path], TRIAL, trial=TrialRules(blind=True, arms=("Low",))).findings == ()

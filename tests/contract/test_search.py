"""Search by the parameters that the sync uses, and paging."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.rest import Fhir, Resource, ids, link, refusal

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


@pytest.fixture
def trial(fhir: Fhir) -> Fhir:
    """A study, two participants with a visit each, and what was recorded of them."""
    study = {"reference": f"ResearchStudy/{fhir.id('study')}"}
    text = {"text": "x"}

    def identified(type_: str, key: str, /, **more: Any) -> Resource:
        identifier = [{"system": fhir.system, "value": key}]
        return {"resourceType": type_, "id": fhir.id(key), "identifier": identifier, **more}

    def about(name: str) -> Resource:
        return {"reference": f"Patient/{fhir.id(name)}"}

    def observed(name: str, patient: str, when: str, code: str, category: str, status: str = "final") -> Resource:
        return fhir.observation(
            name, patient, status=status, effectiveDateTime=when,
            encounter={"reference": f"Encounter/{fhir.id('visit-' + patient)}"},
            code={"coding": [{"system": fhir.system, "code": code}]},
            category=[{"coding": [{"system": CATEGORY, "code": category}]}],
        )  # fmt: skip

    resources = [
        identified("ResearchStudy", "study", status="active"),
        identified("Organization", "site", name="Site"),
        fhir.patient("p"),
        fhir.patient("q"),
        identified("ResearchSubject", "subject-p", status="on-study", study=study, individual=about("p")),
        identified("ResearchSubject", "subject-q", status="withdrawn", study=study, individual=about("q")),
        identified("Consent", "consent", status="active", scope=text, category=[text], policyRule=text,
                   patient=about("p"), dateTime="2021-01-01"),
        *(
            identified("Encounter", f"visit-{name}", status="finished", subject=about(name),
                       **{"class": {"system": fhir.system, "code": "AMB"}}, period={"start": "2021-02-03"})
            for name in ("p", "q")
        ),
        identified("MedicationAdministration", "infusion", status="completed", medicationCodeableConcept=text,
                   subject=about("p"), context={"reference": f"Encounter/{fhir.id('visit-p')}"},
                   effectiveDateTime="2021-02-03T10:30:00+01:00"),
        observed("alb", "p", "2021-02-03", "alb", "laboratory"),
        observed("crp", "p", "2021-03", "crp", "laboratory"),
        observed("bp", "p", "2021-02-03T10:30:00+01:00", "bp", "vital-signs"),
        observed("alb-q", "q", "2022", "alb", "laboratory", "preliminary"),
        {"resourceType": "AdverseEvent", "id": fhir.id("event"), "actuality": "actual", "subject": about("p"),
         "study": [study], "date": "2021-04-05", "meta": {"tag": [{"system": fhir.system, "code": "event"}]}},
    ]  # fmt: skip
    fhir.ok(fhir.bundle(*(fhir.put_entry(resource) for resource in resources)))
    return fhir


@pytest.mark.parametrize("by", ["GET", "POST"])
@pytest.mark.parametrize(
    ("type_", "query", "found"),
    [
        ("Patient", {"_id": "{p}"}, ["p"]),
        ("Patient", {"_id": "{p},{q},{nobody}"}, ["p", "q"]),
        ("Patient", {"identifier": "{system}|p"}, ["p"]),
        ("Patient", {"identifier": "{system}|"}, ["p", "q"]),
        ("Patient", {"identifier": "{system}|p,{system}|q"}, ["p", "q"]),
        ("Patient", {"identifier": "{system}|nobody"}, []),
        ("Patient", {"identifier": "|p", "_id": "{p}"}, []),
        ("Patient", {"identifier": "p", "_id": "{p}"}, ["p"]),
        ("Organization", {"identifier": "{system}|site"}, ["site"]),
        ("ResearchStudy", {"identifier": "{system}|study"}, ["study"]),
        ("ResearchStudy", {"identifier": "{system}|study", "status": "active"}, ["study"]),
        ("ResearchSubject", {"study": "ResearchStudy/{study}"}, ["subject-p", "subject-q"]),
        ("ResearchSubject", {"study": "{study}", "status": "withdrawn"}, ["subject-q"]),
        ("ResearchSubject", {"individual": "Patient/{p}"}, ["subject-p"]),
        ("ResearchSubject", {"patient": "{p}"}, ["subject-p"]),
        ("Consent", {"patient": "{p}", "status": "active"}, ["consent"]),
        ("Consent", {"patient": "{q}"}, []),
        ("Encounter", {"subject": "Patient/{p}", "date": "ge2021-02-03"}, ["visit-p"]),
        ("Encounter", {"subject": "Patient/{p}", "date": "2021-02-03"}, []),  # its period is open
        ("Encounter", {"patient": "{p},{q}"}, ["visit-p", "visit-q"]),
        ("MedicationAdministration", {"subject": "Patient/{p}", "status": "completed"}, ["infusion"]),
        ("MedicationAdministration", {"patient": "{p}", "effective-time": "2021-02-03"}, ["infusion"]),
        ("MedicationAdministration", {"context": "{visit-p}"}, ["infusion"]),
        ("Observation", {"subject": "Patient/{p}"}, ["alb", "crp", "bp"]),
        ("Observation", {"patient": "Patient/{p}", "category": "laboratory"}, ["alb", "crp"]),
        ("Observation", {"patient": "{p}", "category": CATEGORY + "|vital-signs"}, ["bp"]),
        ("Observation", {"code": "{system}|alb"}, ["alb", "alb-q"]),
        ("Observation", {"code": "{system}|alb,{system}|crp", "patient": "{p}"}, ["alb", "crp"]),
        ("Observation", {"code": "{system}|alb", "status": "preliminary"}, ["alb-q"]),
        ("Observation", {"encounter": "Encounter/{visit-q}"}, ["alb-q"]),
        ("Observation", {"patient": "{p}", "date": "2021-02-03"}, ["alb", "bp"]),
        ("Observation", {"patient": "{p}", "date": "ge2021-03"}, ["crp"]),
        ("Observation", {"patient": "{p}", "date": "lt2021-03"}, ["alb", "bp"]),
        ("Observation", {"patient": "{p}", "date": ["ge2021-02-03", "le2021-02-03"]}, ["alb", "bp"]),
        ("Observation", {"patient": "{p}", "date": "gt2021-02-03T08:00:00Z"}, ["alb", "crp", "bp"]),
        ("Observation", {"code": "{system}|alb", "date": "2022"}, ["alb-q"]),
        ("AdverseEvent", {"subject": "Patient/{p}"}, ["event"]),
        ("AdverseEvent", {"study": "ResearchStudy/{study}"}, ["event"]),
        ("AdverseEvent", {"subject": "{p}", "date": "ge2021-04-05"}, ["event"]),
        ("AdverseEvent", {"_tag": "{system}|event"}, ["event"]),
    ],
    ids=str,
)
def test_finds(trial: Fhir, by: str, type_: str, query: dict[str, Any], found: list[str]) -> None:
    class Own(dict[str, str]):
        def __missing__(self, name: str) -> str:
            return trial.id(name)

    def fill(value: str) -> str:
        return value.format_map(Own(system=trial.system))

    filled = {
        name: [fill(v) for v in value] if isinstance(value, list) else fill(value) for name, value in query.items()
    }
    search = trial.search if by == "GET" else trial.search_by_post
    bundle = search(type_, **filled)
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", len(found))
    assert sorted(ids(bundle)) == sorted(trial.id(name) for name in found)
    for entry in bundle.get("entry", []):
        assert entry["fullUrl"] == f"{trial.base}/{type_}/{entry['resource']['id']}"
        assert entry["search"]["mode"] == "match"
        assert entry["resource"]["meta"]["versionId"] == "1"


def test_an_update_moves_the_resource_in_the_index(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    fhir.ok(fhir.put(fhir.patient(identifier=[{"system": fhir.system, "value": "moved"}])))
    assert fhir.search("Patient", identifier=f"{fhir.system}|p")["total"] == 0
    assert ids(fhir.search("Patient", identifier=f"{fhir.system}|moved")) == [fhir.id("p")]


def test_last_updated_bounds_what_changed(fhir: Fhir) -> None:
    first = fhir.ok(fhir.put(fhir.patient("a")))["meta"]["lastUpdated"]
    second = fhir.ok(fhir.put(fhir.patient("b")))["meta"]["lastUpdated"]
    system = f"{fhir.system}|"
    assert fhir.search("Patient", identifier=system, _lastUpdated=f"ge{first}")["total"] == 2
    assert ids(fhir.search("Patient", identifier=system, _lastUpdated=f"gt{first}")) == [fhir.id("b")]
    assert fhir.search("Patient", identifier=system, _lastUpdated=f"gt{second}")["total"] == 0
    assert fhir.search("Patient", identifier=system, _lastUpdated=[f"ge{first}", f"lt{second}"])["total"] == 1


@pytest.mark.parametrize("by", ["GET", "POST"])
def test_pages_follow_next_at_the_base(fhir: Fhir, by: str) -> None:
    fhir.ok(fhir.bundle(*(fhir.put_entry(fhir.patient(f"p{number}")) for number in range(7))))
    search = fhir.search if by == "GET" else fhir.search_by_post
    page = search("Patient", identifier=f"{fhir.system}|", _count="3", _total="accurate")
    sizes, seen = [], []
    while True:
        assert page["total"] == 7
        sizes.append(len(page["entry"]))
        seen += ids(page)
        following = link(page, "next")
        if following is None:
            break
        assert following.startswith(f"{fhir.base}?_getpages=")
        assert fhir.own not in following
        page = fhir.ok(fhir.http.get(following))
        assert page["type"] == "searchset"
    assert sizes == [3, 3, 1]
    assert sorted(seen) == sorted(fhir.id(f"p{number}") for number in range(7))


def test_a_full_last_page_has_no_next(fhir: Fhir) -> None:
    fhir.ok(fhir.bundle(*(fhir.put_entry(fhir.patient(f"p{number}")) for number in range(3))))
    assert link(fhir.search("Patient", identifier=f"{fhir.system}|", _count="3", _total="accurate"), "next") is None


def test_a_page_that_is_no_more(fhir: Fhir) -> None:
    refusal(fhir.http.get(f"{fhir.base}?_getpages=00000000-0000-0000-0000-000000000000"), 404, 410)


@pytest.mark.parametrize("parameter", ["_id", "identifier"])
def test_hundreds_of_values_at_once(fhir: Fhir, parameter: str) -> None:
    fhir.ok(fhir.bundle(*(fhir.put_entry(fhir.patient(f"p{number}")) for number in range(3))))
    names = [f"p{number}" for number in range(300)]
    values = [fhir.id(name) if parameter == "_id" else f"{fhir.system}|{name}" for name in names]
    found = fhir.search_by_post("Patient", **{parameter: ",".join(values)}, _count="1000")
    assert sorted(ids(found)) == [fhir.id(f"p{number}") for number in range(3)]


@pytest.mark.parametrize("only", [{"_summary": "count"}, {"_count": "0"}], ids=str)
def test_counting_returns_no_entries(fhir: Fhir, only: dict[str, str]) -> None:
    fhir.ok(fhir.put(fhir.patient()))
    counted = fhir.search("Patient", identifier=f"{fhir.system}|", **only)
    assert counted["total"] == 1
    assert "entry" not in counted


def test_elements_cut_the_resource_to_size(fhir: Fhir) -> None:
    fhir.ok(fhir.put(fhir.patient(active=True, gender="female")))
    (entry,) = fhir.search("Patient", _id=fhir.id("p"), _elements="identifier,gender")["entry"]
    cut = entry["resource"]
    assert set(cut) == {"resourceType", "id", "meta", "identifier", "gender"}
    assert cut["meta"]["versionId"] == "1"
    assert "SUBSETTED" in [tag["code"] for tag in cut["meta"]["tag"]]
    (entry,) = fhir.search("Patient", _id=fhir.id("p"), _elements="meta")["entry"]
    assert set(entry["resource"]) == {"resourceType", "id", "meta"}


@pytest.mark.parametrize(
    ("type_", "query"),
    [
        ("Patient", "dragon=1"),
        ("Observation", "identifier=a|b&dragon=1"),
        ("AdverseEvent", "identifier=a|b"),
        ("AdverseEvent", "patient=p"),
        ("BiologicallyDerivedProduct", "identifier=a|b"),
        ("Observation", "date=yesterday"),
        ("Patient", "_lastUpdated=geyesterday"),
        ("Patient", "_count=many"),
    ],
)
def test_what_cannot_be_searched_is_refused(fhir: Fhir, type_: str, query: str) -> None:
    refusal(fhir.http.get(f"{fhir.base}/{type_}?{query.replace('|', '%7C')}"), 400)
    refusal(fhir.http.post(f"{fhir.base}/{type_}/_search", data=dict(p.split("=") for p in query.split("&"))), 400)

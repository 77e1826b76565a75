"""Records of ClinicalTrials.gov: the real ones, the traps, and what is no record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.config_study import SiteSection, StudySection, words_of
from fhir_msc.errors import SourceError
from fhir_msc.sources.criteria import divided, unescaped
from fhir_msc.sources.registry import Imported, read_registry_record
from fhir_msc.trial import Study

Json = dict[str, Any]
EXAMPLES = "reference/trials/examples"
DUPILUMAB, PALBOCICLIB, CERTOLIZUMAB = (
    "NCT02210780_ctg_v2.json",
    "NCT02513394_ctg_v2_no_results.json",
    "NCT02552212_ctg_v2.json",
)


def imported(shared: Path, name: str) -> Imported:
    return read_registry_record(shared / EXAMPLES / name)


def raw(shared: Path, name: str) -> Json:
    protocol: Json = json.loads((shared / EXAMPLES / name).read_bytes())["protocolSection"]
    return protocol


def record(**modules: Json) -> Json:
    """The least that a record holds."""
    least: dict[str, Json] = {
        "identificationModule": {"nctId": "NCT00000001", "briefTitle": "A study"},
        "statusModule": {"overallStatus": "RECRUITING"},
    }
    for name, content in modules.items():
        least[name] = {**least.get(name, {}), **content}
    return {"protocolSection": least}


def read(tmp_path: Path, document: object) -> Imported:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(document), "utf-8")
    return read_registry_record(path)


def study(tmp_path: Path, **modules: Json) -> Study:
    return read(tmp_path, record(**modules)).study


@pytest.mark.shared
@pytest.mark.parametrize("name", [DUPILUMAB, PALBOCICLIB, CERTOLIZUMAB])
def test_nothing_of_a_real_record_is_lost_on_the_way_into_the_config(shared: Path, name: str) -> None:
    found, protocol = imported(shared, name).study, raw(shared, name)
    contacts, outcomes = protocol["contactsLocationsModule"], protocol["outcomesModule"]
    assert len(found.sites) == len(contacts["locations"])
    assert [one.name for one in found.investigators] == [one["name"] for one in contacts["overallOfficials"]]
    assert len(found.outcome_measures) == sum(len(outcomes[kind]) for kind in outcomes)
    assert len(found.arms) == len(protocol["armsInterventionsModule"]["armGroups"])
    assert found.eligibility_text == protocol["eligibilityModule"]["eligibilityCriteria"]
    words: Any = words_of(found)
    sites = {identifier: SiteSection(**site) for identifier, site in words["sites"].items()}
    assert StudySection(**words["study"]).study(sites) == found


@pytest.mark.shared
def test_the_traps_of_the_real_records(shared: Path) -> None:
    dupilumab, palbociclib = imported(shared, DUPILUMAB).study, imported(shared, PALBOCICLIB).study
    certolizumab = imported(shared, CERTOLIZUMAB).study
    assert (dupilumab.identifier, dupilumab.registry) == ("R668-AD-1314", "NCT02210780")
    assert (dupilumab.masking, palbociclib.masking, certolizumab.masking) == ("triple", "none", "quadruple")
    assert (dupilumab.actual_enrolment, dupilumab.planned_enrolment) == (194, None)
    # Dates are partial, the status is the present one, a placebo arm may be typed experimental.
    assert (palbociclib.start, palbociclib.end, palbociclib.status) == ("2015-08", "2025-09", "closed-to-accrual")
    assert (dupilumab.arms[0].name, dupilumab.arms[0].kind) == ("Placebo qw", "Experimental")
    assert dupilumab.interventions == ("Dupilumab", "Placebo")
    # Escapes are undone where a criterion is shown, and stay in the whole text.
    assert dupilumab.eligibility[6].text.startswith("Patients needing >10 mg of daily prednisone")
    assert "\\>10 mg" in str(dupilumab.eligibility_text)
    assert [one.inclusion for one in dupilumab.eligibility] == [True] * 5 + [False] * 7
    assert not any("information listed above" in one.text for one in dupilumab.eligibility)
    assert certolizumab.eligibility[4].text.splitlines()[1:] == [
        "* Bath Ankylosing Spondylitis Disease Activity Index (BASDAI) score >= 4",
        "* Spinal pain >= 4 on a 0 to 10 Numerical Rating Scale (NRS)",
    ]
    assert palbociclib.eligibility[12].text.endswith("adjuvant hormonal treatment.")
    assert len({one.identifier for one in palbociclib.sites}) == 437
    assert palbociclib.sites[0].latitude == "30.69436"
    assert {one.role for one in palbociclib.investigators} == {"principal-investigator"}
    assert certolizumab.investigators[0].role == "study-director"


@pytest.mark.parametrize(
    ("phases", "phase"),
    [
        ([], None),
        (["NA"], "n-a"),
        (["EARLY_PHASE1"], "early-phase-1"),
        (["PHASE2", "PHASE1"], "phase-1-phase-2"),
        (["PHASE2", "PHASE3"], "phase-2-phase-3"),
        (["PHASE4"], "phase-4"),
    ],
)
def test_phases_are_joined(tmp_path: Path, phases: list[str], phase: str | None) -> None:
    assert study(tmp_path, designModule={"phases": phases}).phase == phase


@pytest.mark.parametrize(
    ("dates", "status"),
    [
        ({"overallStatus": "UNKNOWN", "lastKnownStatus": "RECRUITING"}, "active"),
        ({"overallStatus": "UNKNOWN"}, "in-review"),
        ({"overallStatus": "COMPLETED", "lastKnownStatus": "RECRUITING"}, "completed"),
    ],
)
def test_the_status_is_the_present_one(tmp_path: Path, dates: Json, status: str) -> None:
    assert study(tmp_path, statusModule=dates).status == status


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    found, remarks = read(tmp_path, record())
    assert (found.identifier, found.masking, found.sites, found.eligibility) == ("NCT00000001", "double", (), ())
    assert any("taken as double-blind" in remark for remark in remarks)
    assert words_of(found) == {
        "study": {
            "identifier": "NCT00000001",
            "title": "A study",
            "status": "active",
            "masking": "double",
            "registry": "NCT00000001",
        }
    }


@pytest.mark.parametrize(
    ("modules", "place"),
    [
        ({"identificationModule": {"nctId": None}}, "identificationModule.nctId: is missing"),
        ({"identificationModule": {"briefTitle": " "}}, "identificationModule.briefTitle: is missing"),
        ({"identificationModule": {"briefTitle": ["x"]}}, "briefTitle: a text is expected"),
        ({"identificationModule": {"acronym": "\ud800"}}, "acronym: half a character"),
        ({"statusModule": {"overallStatus": "RUNNING"}}, "statusModule.overallStatus: none of ACTIVE_NOT"),
        ({"statusModule": {"startDateStruct": {"date": "May 2020"}}}, "startDateStruct.date: a date"),
        ({"statusModule": {"startDateStruct": "2020"}}, "startDateStruct: an object"),
        ({"designModule": {"phases": ["PHASE1", "PHASE3"]}}, "designModule.phases: R4 has no such phase"),
        ({"designModule": {"phases": "PHASE1"}}, "phases: a list"),
        ({"designModule": {"enrollmentInfo": {"count": "many"}}}, "enrollmentInfo.count: a number"),
        ({"eligibilityModule": {"minimumAge": "grown up"}}, "minimumAge: must be an age"),
        ({"conditionsModule": {"conditions": [1]}}, "conditions: a list of texts"),
        ({"contactsLocationsModule": {"locations": ["here"]}}, "locations: a list of objects"),
        ({"armsInterventionsModule": {"armGroups": [{}]}}, "armGroups[0].label: is missing"),
        ({"outcomesModule": {"primaryOutcomes": [{}]}}, "primaryOutcomes[0].measure: is missing"),
    ],
)
def test_a_wrong_record_is_told_by_its_place(tmp_path: Path, modules: dict[str, Json], place: str) -> None:
    with pytest.raises(SourceError) as raised:
        study(tmp_path, **modules)
    assert str(raised.value).startswith("record.json: protocolSection.")
    assert place in str(raised.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "something else"),
        (b'{"resourceType": "ResearchStudy"}', "a FHIR resource"),
        (b'{"studies": []}', "holds 0 studies"),
        (b'{"studies": [{}, {}]}', "holds 2 studies"),
        (b'{"FullStudiesResponse": {}}', "something else"),
        (b'{"protocolSection": []}', "an object is expected"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"record\.json") as raised:
        read_registry_record(path)
    assert what in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_registry_record(tmp_path / "nothing.json")


def test_an_answer_of_one_study_will_do_with_a_byte_order_mark_too(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"studies": [record()]}).encode())
    assert read_registry_record(path).study.title == "A study"


def test_escapes_of_markdown() -> None:
    assert unescaped(r"1 x 10\^6, \[a\], \<5, \*, a\b, \\") == r"1 x 10^6, [a], <5, *, a\b, " + "\\"


@pytest.mark.parametrize(
    ("markdown", "criteria", "left_over"),
    [
        ("", [], 0),
        ("Inclusion Criteria:\n\n* a\n* b\n\nExclusion Criteria:\n\n1. c", ["I1 a", "I2 b", "E1 c"], 0),
        ("INCLUSION CRITERIA\n- a\n- b\n  more of b\nEXCLUSION CRITERIA\n-c", ["I1 a", "I2 b\nmore of b", "E1 c"], 0),
        ("**Inclusion Criteria:**\n\n* a\n\n  * a1\n\n* b", ["I1 a\n* a1", "I2 b"], 0),
        ("Inclusion:\n\nOld enough.\n\nIn good\nhealth.", ["I1 Old enough.", "I2 In good\nhealth."], 0),
        ("Inclusion Criteria:\n* a\n\nCalled for, not listed.\n\n* b", ["I1 a", "I2 b"], 1),
        ("* a\n* b", [], 2),
        ("Key Exclusion Criteria (all parts):\n* meets no inclusion criteria\n* b",
         ["E1 meets no inclusion criteria", "E2 b"], 0),
        ("Inclusion Criteria:\n* a\nExclusion Criteria:\n* b\nInclusion Criteria:\n* c", ["I1 a", "I2 c", "E1 b"], 0),
        ("Inclusion Criteria:\r\n\r\n\u2022 a\r\n\u2022 1.5 mg or more", ["I1 a", "I2 1.5 mg or more"], 0),
    ],
)  # fmt: skip
def test_criteria_are_divided(markdown: str, criteria: list[str], left_over: int) -> None:
    found = divided(markdown)
    assert [f"{one.identifier} {one.text}" for one in found.criteria] == criteria
    assert all(one.inclusion == str(one.identifier).startswith("I") for one in found.criteria)
    assert len(found.left_over) == left_over

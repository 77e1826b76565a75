"""Rows to bodies: what leaves, what is held back and why, and that every row is accounted for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.errors import PackError, SourceError, UsageError
from fhir_msc.mapping.checking import check_pack
from fhir_msc.mapping.pack import read_pack
from fhir_msc.release.consent import ConsentPolicy
from fhir_msc.sources.seals import Seals
from fhir_msc.trial import Study
from tests.unit.desired.trial_source import ROOT, Outcome, consent, dm, fingerprints, lb, outcome, step, vs
from tests.unit.mapping.memory import Memory, pack_of

ONE = {"DM": dm("S"), "DS": consent("S")}


def test_a_participant_is_a_patient_a_subject_and_a_consent() -> None:
    found = outcome({**ONE, "LB": [lb()]})
    types = sorted(one.type for one in found.bodies.values() if one.lane)
    assert types == ["Consent", "Observation", "Patient", "ResearchSubject"]
    [observation] = found.of_type("Observation")
    [patient] = found.of_type("Patient")
    assert observation["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert observation["effectiveDateTime"] == "2020-02-01"


def test_nothing_of_a_participant_leaves_without_consent() -> None:
    without = {"DM": [*dm("S"), *dm("T", SITEID="2")], "DS": consent("S"), "LB": [lb(), lb("T")], "VS": [vs("T")]}
    found = outcome({**without, "AE": [{"USUBJID": "T", "AETERM": "RASH", "AESTDTC": "2020-02-01"}]})
    alone = outcome({**ONE, "LB": [lb()]})
    assert {rid: one.body for rid, one in found.bodies.items()} == {rid: one.body for rid, one in alone.bodies.items()}
    assert found.outcomes("DM") == {"delivered": 1, "held": 1}
    assert found.outcomes("LB") == {"delivered": 1, "held": 1}
    assert found.rules() == ["MSC-CONSENT-001"] * 4
    assert all(one.key and one.origins and one.hint for one in found.findings if one.rule == "MSC-CONSENT-001")


def test_what_was_collected_before_the_consent_is_held_by_name() -> None:
    rows = {**ONE, "LB": [lb(day="2019-12-30"), lb(day="2019-12-31"), lb(day="2020-01-01")]}
    found = outcome(rows)
    assert found.outcomes("LB") == {"held": 2, "delivered": 1}
    [held] = [one for one in found.findings if one.rule == "MSC-CONSENT-002"]
    assert held.count == 2
    assert [origin.key for origin in held.origins] == ["S/ALB/2019-12-30", "S/ALB/2019-12-31"]
    assert outcome(rows, consent=ConsentPolicy(2)).outcomes("LB") == {"delivered": 3}


def test_a_date_that_lacks_is_that_of_the_visit() -> None:
    visit = {"USUBJID": "S", "VISITNUM": "3.0", "VISIT": "WEEK 1", "SVSTDTC": "2020-02-01"}
    rows = {**ONE, "SV": [visit], "LB": [lb(day="", VISITNUM="3"), lb(day="", VISITNUM="4")]}
    found = outcome(rows)
    assert found.outcomes("LB") == {"delivered": 1, "held": 1}
    [observation], [encounter] = found.of_type("Observation"), found.of_type("Encounter")
    assert observation["encounter"] == {"reference": f"Encounter/{encounter['id']}"}
    assert found.rules() == ["MSC-CONSENT-005"]


def test_nothing_refers_to_a_visit_that_is_held() -> None:
    early = {"USUBJID": "S", "VISITNUM": "1", "SVSTDTC": "2019-12-01"}
    found = outcome({**ONE, "SV": [early], "LB": [lb(VISITNUM="1")]})
    assert found.outcomes("SV") == {"held": 1}
    [observation] = found.of_type("Observation")
    assert "encounter" not in observation


@pytest.mark.parametrize(
    ("start", "end", "period", "rules"),
    [
        ("2020-02-01", "2020-02-03", {"start": "2020-02-01", "end": "2020-02-03"}, []),
        # Whether 2020-02 is after 2020-02-01 cannot be said, and R4's per-1 refuses what cannot be said.
        ("2020-02-01", "2020-02", {"start": "2020-02-01"}, ["MSC-TIME-002"]),
        ("2020-02-01", "2020-03", {"start": "2020-02-01", "end": "2020-03"}, []),
        ("2020-02-03", "2020-02-01", None, ["MSC-FHIR-INVARIANT-PER-1"]),
    ],
)
def test_a_visit_ends_after_it_starts(start: str, end: str, period: dict[str, str] | None, rules: list[str]) -> None:
    visit = {"USUBJID": "S", "VISITNUM": "3", "SVSTDTC": start, "SVENDTC": end}
    found = outcome({**ONE, "SV": [visit]})
    assert [one["period"] for one in found.of_type("Encounter")] == ([] if period is None else [period])
    assert found.outcomes("SV") == {"rejected" if period is None else "delivered": 1}
    assert found.rules() == rules


@pytest.mark.parametrize(
    ("term", "status", "delivered"),
    [
        ("WITHDRAWAL OF CONSENT", "withdrawn", 1),
        # Leaving the treatment, or the study, is not withdrawal of consent.
        ("ADVERSE EVENT", "off-study", 2),
        # Says nothing of the consent: a question, which stops nothing.
        ("WITHDRAWAL BY SUBJECT", "screening", 2),
        # However it is spelled.
        ("Withdrawal of Consent", "withdrawn", 1),
        ("WITHDREW CONSENT", "withdrawn", 1),
        ("Consent withdrawn by subject", "withdrawn", 1),
        ("Subject withdrew consent ", "withdrawn", 1),
        ("Withdrawal by Subject", "screening", 2),
        ("Withdrawal by parent/guardian", "screening", 2),
        ("Withdrawn", "screening", 2),
        ("Lost to Follow-Up", "off-study", 2),
    ],
)
def test_withdrawal_of_consent_stops_what_was_collected_later(term: str, status: str, delivered: int) -> None:
    rows = {"DM": dm("S"), "DS": [*consent("S"), step("S", term, "2020-02-15")]}
    found = outcome({**rows, "LB": [lb(day="2020-02-15"), lb(day="2020-02-16")]})
    assert found.outcomes("LB").get("delivered") == delivered
    [subject], [recorded] = found.of_type("ResearchSubject"), found.of_type("Consent")
    assert subject["status"] == status
    assert recorded["status"] == ("inactive" if delivered == 1 else "active")
    assert found.rules().count("MSC-CONSENT-004") == (status == "screening")


@pytest.mark.parametrize(
    ("decoded", "term", "means"),
    [
        *[
            (decoded, term, "withdrawn")
            for decoded in ("OTHER", "Other", "WITHDRAWAL BY SUBJECT", "PHYSICIAN DECISION", "SPONSOR'S OWN TERM")
            for term in ("WITHDREW CONSENT", "Withdrawal of consent by subject", "Patient withdrew informed consent")
        ],
        # Names the consent, and may mean part of it, or none.
        *[
            ("OTHER", term, "question")
            for term in (
                "WITHDREW CONSENT FOR BIOPSY",
                "Consent for genetic testing withdrawn",
                "Subject did not withdraw consent",
                "SUBJECT WITHDREW CONSENT DUE TO RELOCATION",
                "Withdrew consent.",
                "REVOKED THE CONSENT TO CONTACT",
            )
        ],
        ("SCREEN FAILURE", "WITHDREW CONSENT TO SAMPLES", "question"),
        # Withdrew, and nobody says from what.
        ("OTHER", "Withdrawal by subject", "question"),
        ("SPONSOR'S OWN TERM", "WITHDREW FROM STUDY", "question"),
        # Says something else.
        ("OTHER", "MOVED AWAY", "nothing"),
        ("OTHER", "INFORMED CONSENT FORM OUTDATED", "nothing"),
        ("OTHER", "DRUG WITHDRAWN FROM THE MARKET", "nothing"),
        ("ADVERSE EVENT", "WITHDRAWN", "nothing"),
        ("COMPLETED", "COMPLETED", "nothing"),
    ],
)
def test_the_words_of_the_site_may_name_the_consent(decoded: str, term: str, means: str) -> None:
    told = {**step("S", decoded, "2020-02-15"), "DSTERM": term}
    found = outcome({"DM": dm("S"), "DS": [*consent("S"), told], "LB": [lb(day="2020-02-16")]})
    assert found.outcomes("LB") == {"withheld" if means == "withdrawn" else "delivered": 1}
    assert ("MSC-CONSENT-004" in found.rules()) == (means == "question")


def test_a_step_that_the_pack_does_not_know_is_told_once_per_spelling() -> None:
    many = [f"S{n}" for n in range(3)]
    events = [step(one, "WITHDRAWL BY SUBJCT", "2020-02-15", DSCAT="DISPOSITION EVENT") for one in many]
    events += [step(one, f"WEEK {n} REACHED", "2020-02-10", DSCAT="Protocol Milestone") for n, one in enumerate(many)]
    events += [step("S0", "STILL HERE", "2020-02-12", DSCAT="")]
    found = outcome({"DM": dm(*many), "DS": [*consent(*many), *events]})
    told = [one for one in found.findings if one.rule == "MSC-CONSENT-008"]
    assert [(one.value, one.count) for one in told] == [("STILL HERE", 1), ("WITHDRAWL BY SUBJCT", 3)]
    assert {origin.fields for one in told for origin in one.origins} == {("DSDECOD",)}
    assert not [one for one in told if "WITHDRAWL" in f"{one.message}{one.hint}"]
    assert found.outcomes("DS") == {"delivered": 3, "merged": 7}


@pytest.mark.parametrize("answer", ["", "0"])
def test_a_day_of_withdrawal_is_a_withdrawal_whatever_was_ticked(answer: str) -> None:
    forms = [
        {"record_id": "S", "redcap_event_name": "screening_arm_1", "consent_date": "2020-01-01"},
        {
            "record_id": "S",
            "redcap_event_name": "e1",
            "consent_withdrawn": answer,
            "consent_withdrawn_date": "2020-02-15",
        },
    ]
    results = [
        {"record_id": "S", "redcap_event_name": f"{day}_arm_1", "lab_datetime": day, "lab_alt": "40"}
        for day in ("2020-02-15", "2020-02-16")
    ]
    tables = {"demographics": [{"record_id": "S", "site": "01"}], "consent": forms, "laboratory": results}
    found = outcome(tables, pack=read_pack(ROOT / "mappings" / "misle-redcap"))
    assert [one["status"] for one in found.of_type("ResearchSubject")] == ["withdrawn"]
    assert found.outcomes("laboratory") == {"delivered": 1, "withheld": 1}


def test_a_ticked_withdrawal_counts_whatever_stands_as_its_day() -> None:
    forms = [
        {"record_id": "S", "redcap_event_name": "screening_arm_1", "consent_date": "2020-01-01"},
        {"record_id": "S", "redcap_event_name": "e1", "consent_withdrawn": "1", "consent_withdrawn_date": "15.2."},
    ]
    results = [{"record_id": "S", "redcap_event_name": "a_arm_1", "lab_datetime": "2020-02-15", "lab_alt": "40"}]
    tables = {"demographics": [{"record_id": "S", "site": "01"}], "consent": forms, "laboratory": results}
    found = outcome(tables, pack=read_pack(ROOT / "mappings" / "misle-redcap"))
    assert found.outcomes("laboratory") == {"withheld": 1}
    assert "MSC-MAP-001" in found.rules()


def test_an_unclear_withdrawal_is_what_the_project_says() -> None:
    rows = {"DM": dm("S"), "DS": [*consent("S"), step("S", "WITHDRAWAL BY SUBJECT", "2020-02-15")]}
    rows = {**rows, "LB": [lb(day="2020-02-16")]}
    assert outcome(rows, withdrawals={"S": "consent"}).outcomes("LB") == {"withheld": 1}
    answered = outcome(rows, withdrawals={"S": "participation"})
    assert answered.outcomes("LB") == {"delivered": 1}
    assert answered.rules() == []


def test_a_withdrawal_without_a_date_stops_everything_dated() -> None:
    rows = {"DM": dm("S"), "DS": [*consent("S"), step("S", "WITHDRAWAL OF CONSENT", "")]}
    found = outcome({**rows, "LB": [lb()]})
    assert found.outcomes("LB") == {"withheld": 1}
    assert [one["status"] for one in found.of_type("ResearchSubject")] == ["withdrawn"]


def test_a_consent_given_anew_stands_for_itself() -> None:
    events = [*consent("S"), step("S", "WITHDRAWAL OF CONSENT", "2020-03-01"), *consent("S", day="2020-05-01")]
    found = outcome({"DM": dm("S"), "DS": events, "LB": [lb(day=f"2020-0{month}-15") for month in (2, 4, 6)]})
    assert found.outcomes("LB") == {"delivered": 2, "withheld": 1}
    states = {str(one["dateTime"]): one for one in found.of_type("Consent")}
    assert {day: one["status"] for day, one in states.items()} == {"2020-01-01": "inactive", "2020-05-01": "active"}
    [subject] = found.of_type("ResearchSubject")
    assert subject["status"] == "screening"
    assert subject["consent"] == {"reference": f"Consent/{states['2020-05-01']['id']}"}


def test_a_consent_needs_its_date() -> None:
    found = outcome({"DM": dm("S"), "DS": consent("S", day="")})
    assert found.outcomes("DS") == {"rejected": 1}
    assert found.outcomes("DM") == {"held": 1}


def test_who_is_in_no_table_of_participants_is_rejected() -> None:
    found = outcome({**ONE, "LB": [lb("X"), lb("")]})
    assert found.outcomes("LB") == {"rejected": 2}
    assert found.rules() == ["MSC-MAP-005", "MSC-MAP-007"]


def test_what_refers_to_a_rejected_participant_waits() -> None:
    found = outcome({"DM": [*dm("S"), *dm("T", SEX="?")], "DS": consent("S", "T"), "LB": [lb(), lb("T")]})
    assert found.outcomes("DM") == {"delivered": 1, "rejected": 1}
    assert found.outcomes("LB") == {"delivered": 1, "held": 1}
    assert found.outcomes("DS") == {"delivered": 1, "held": 1}
    assert found.rules() == ["MSC-MAP-002", "MSC-MAP-010", "MSC-MAP-010"]


def test_participants_of_other_sites_never_leave() -> None:
    rows = {"DM": [*dm("S"), *dm("T", SITEID="2"), *dm("U", SITEID="")], "DS": consent("S", "T", "U")}
    found = outcome({**rows, "LB": [lb("S"), lb("T"), lb("U")]}, sites=frozenset({"1"}))
    assert [found.outcomes(name) for name in ("DM", "DS", "LB")] == [{"delivered": 1, "withheld": 2}] * 3
    assert len({one.lane for one in found.bodies.values() if one.lane}) == 1
    sites = found.of_type("Organization")
    assert len(sites) == 1


@pytest.mark.parametrize("others", [("1", "2"), ("2", "1"), ("", "1", "2")])
@pytest.mark.parametrize(
    ("sites", "leaves"), [(None, True), ({"1"}, False), ({"2"}, False), ({"1", "2"}, True), ({"3"}, False)]
)
def test_who_is_of_two_sites_leaves_for_a_target_of_both(
    others: tuple[str, ...], sites: set[str] | None, leaves: bool
) -> None:
    rows = {"DM": [*dm("T"), *(one for site in others for one in dm("S", SITEID=site))], "DS": consent("S", "T")}
    found = outcome({**rows, "LB": [lb("S")]}, sites=None if sites is None else frozenset(sites))
    assert found.outcomes("LB") == {"delivered" if leaves else "withheld": 1}
    [told] = [one for one in found.findings if one.rule == "MSC-SITE-003"]
    assert [origin.row for origin in told.origins] == [2 + others.index(site) for site in ("1", "2")]
    assert told.patient is not None


def test_rows_of_one_site_are_not_told_as_of_several() -> None:
    found = outcome({"DM": [*dm("S", "S"), *dm("S", SITEID="")], "DS": consent("S")}, sites=frozenset({"1"}))
    assert not [one for one in found.findings if one.rule == "MSC-SITE-003"]
    assert len(found.of_type("Patient")) == 1


def test_a_table_that_is_not_mapped_is_counted() -> None:
    export = {**ONE, "ZZ": [{"USUBJID": "S"}] * 3, "SU": [{"USUBJID": "S"}]}
    found = outcome(export, blind=False)
    assert found.outcomes("ZZ") == {"not-mapped": 3}
    assert found.accounts["SU"].outcomes["not-mapped", "substance use"] == 1
    assert {"ZZ", "SU"} & set(outcome(export).accounts) == {"SU"}, "what nobody has seen may tell the arm"


def test_a_masked_study_whose_pack_seals_nothing_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    words = "table: DM\nparticipant: ID\nrequired: ID\nkey: ID\nparticipant-record: {site: SITE}\n"
    pack = pack_of(tmp_path, {"dm": words})
    with pytest.raises(UsageError, match="seals nothing"):
        outcome({"DM": [{"ID": "S"}]}, pack=pack)
    outcome({"DM": [{"ID": "S"}]}, pack=pack, blind=False)
    outcome({"DM": [{"ID": "S"}]}, pack=pack, study=Study("S", "T", masking="none"))


@pytest.mark.parametrize(
    ("day", "zone", "rule"),
    [
        ("2020-02-01T10:30", None, "MSC-TIME-001"),
        ("2020-02-01T10", "Europe/Zurich", "MSC-TIME-005"),
        ("2020-02-01T10", None, "MSC-TIME-005"),
        ("2020-02-01T10:00/2020-02-01T10:30", "Europe/Zurich", "MSC-TIME-005"),
    ],
)
def test_a_time_that_is_left_out_is_told_with_its_reason(day: str, zone: str | None, rule: str) -> None:
    found = outcome({**ONE, "LB": [lb(day=day)]}, zone=zone)
    assert [one["effectiveDateTime"] for one in found.of_type("Observation")] == ["2020-02-01"]
    [told] = [one for one in found.findings if one.rule.startswith("MSC-TIME")]
    assert told.rule == rule
    assert ("zone" in (told.hint or "")) == (rule == "MSC-TIME-001")


def test_how_the_participant_was_placed_is_said() -> None:
    rows = Memory({**ONE, "VS": [vs(VSPOS="STANDING")]}, {})
    [observation] = outcome(rows).of_type("Observation")
    assert {
        "url": "http://hl7.org/fhir/StructureDefinition/observation-bodyPosition",
        "valueCodeableConcept": {"text": "STANDING"},
    } in observation["extension"]  # type: ignore[operator]


@pytest.mark.parametrize("row", [lb, vs])
def test_the_time_point_of_a_result_is_said(row: Callable[..., dict[str, str]]) -> None:
    table = "LB" if row is lb else "VS"
    named = [row(**{f"{table}TPT": point, f"{table}TPTREF": "DOSE 1"}) for point in ("PRE-DOSE", "2H POST")]
    numbered = [row(day="2020-02-02", **{f"{table}TPTNUM": number}) for number in ("1", "2")]
    found = outcome({**ONE, table: [*named, *numbered]})
    notes = sorted(body["note"][0]["text"] for body in found.of_type("Observation"))
    assert notes == ["1", "2", "2H POST, DOSE 1", "PRE-DOSE, DOSE 1"]


@pytest.mark.parametrize(("cell", "note"), [("Y", "2H, fasting"), ("n", "2H, not fasting"), ("U", "2H"), ("", "2H")])
def test_whether_the_participant_was_fasting_is_said(cell: str, note: str) -> None:
    [body] = outcome({**ONE, "LB": [lb(LBTPT="2H", LBFAST=cell)]}).of_type("Observation")
    assert body["note"] == [{"text": note}]


def test_the_side_of_the_body_is_said() -> None:
    found = outcome({**ONE, "VS": [vs(VSLOC="WRIST", VSLAT="LEFT")], "LB": [lb(LBLOC="ARM", LBLAT="RIGHT")]})
    assert sorted(body["bodySite"]["text"] for body in found.of_type("Observation")) == ["ARM, RIGHT", "WRIST, LEFT"]


def test_a_vital_sign_claims_the_profile_that_it_fulfils() -> None:
    rows = [vs(), vs(day="2020-02"), vs(VSORRESU="per hour"), vs(VSORRESU="")]
    found = {
        str(one["effectiveDateTime"]) + str(one.get("meta")): one
        for one in outcome({**ONE, "VS": rows}).of_type("Observation")
    }
    claimed = [bool(one.get("meta")) for _, one in sorted(found.items())]
    assert sorted(claimed) == [False, False, True]
    loinc = sum("loinc" in str(one["code"]) for one in found.values())
    assert loinc == 2


# Rows that share a key


def test_equal_rows_are_one_resource_of_all_of_them() -> None:
    found = outcome({**ONE, "VS": [vs(), vs(test="TEMP"), vs()]}, blind=False)
    assert found.outcomes("VS") == {"delivered": 2, "merged": 1}
    pulse = next(one for one in found.bodies.values() if b"PULSE" in one.body)
    assert [origin.row for origin in pulse.origins] == [1, 3]
    assert found.rules().count("MSC-KEY-001") == 0


def test_different_rows_of_one_key_are_told_apart_and_reported() -> None:
    found = outcome({**ONE, "VS": [vs(result="62"), vs(result="60"), vs(result="61"), vs(result="60")]}, blind=False)
    assert found.outcomes("VS") == {"delivered": 3, "merged": 1}
    assert len(found.of_type("Observation")) == 3
    [shared] = [one for one in found.findings if one.rule == "MSC-KEY-001"]
    assert sorted(origin.row or 0 for origin in shared.origins) == [1, 2, 3, 4]
    alone = outcome({**ONE, "VS": [vs(result="60")]}, blind=False)
    # The first in the order of content keeps the key.
    [kept] = [one for one in alone.bodies.values() if one.type == "Observation"]
    assert found.bodies[kept.rid].body == kept.body
    assert all(one.body.count(one.rid.encode()) == 2 for one in found.bodies.values() if one.type == "Observation")


def test_tie_breakers_tell_equal_content_apart() -> None:
    found = outcome({**ONE, "LB": [lb(LBNAM="A"), lb(LBNAM="B"), lb(LBNAM="B")]}, blind=False)
    assert found.outcomes("LB") == {"delivered": 2, "merged": 1}


def test_telling_apart_counts_and_reports_once() -> None:
    rows = [lb(day="2019-01-01"), lb("X"), lb(result="41"), lb(result="40"), lb(test="NEW", LBTEST="New")]
    found = outcome({**ONE, "LB": rows}, blind=False)
    assert found.rules() == ["MSC-CONSENT-002", "MSC-KEY-001", "MSC-MAP-003", "MSC-MAP-007"]
    assert {one.count for one in found.findings if one.rule.startswith(("MSC-C", "MSC-MAP-003"))} == {1}


def test_a_participant_stands_once() -> None:
    same = outcome({"DM": dm("S", "S"), "DS": consent("S")})
    assert same.outcomes("DM") == {"delivered": 1, "merged": 1}
    found = outcome({"DM": [*dm("S"), *dm("S", SEX="M")], "DS": consent("S")})
    assert found.outcomes("DM") == {"delivered": 1, "rejected": 1}
    assert "MSC-KEY-002" in found.rules()
    assert len(found.of_type("Patient")) == len(found.of_type("ResearchSubject")) == 1


def test_two_tables_of_participants_are_refused_by_name(tmp_path: Path) -> None:
    words = "table: {}\nparticipant: ID\nrequired: ID\nkey: [ID]\nparticipant-record: {{}}\n"
    pack = pack_of(tmp_path, {"dm": words.format("DM"), "more": words.format("MORE")})
    row = [{"ID": "S"}]
    assert outcome({"DM": row}, pack=pack, blind=False).outcomes("DM") == {"held": 1}
    both = Memory({"DM": row, "MORE": row})
    with pytest.raises(PackError, match=r"more\.yaml:5:1: DM and MORE both have a participant-record"):
        outcome(both, pack=pack, blind=False)
    with pytest.raises(PackError, match="DM and MORE"):
        check_pack(pack, both, Seals())


def test_one_early_row_changes_one_resource() -> None:
    rows = [lb(day=f"2020-02-{day:02}", LBSEQ=str(day)) for day in range(1, 20)]
    before = outcome({**ONE, "LB": rows}).bodies
    early = [lb(day="2020-01-15", LBSEQ="1"), *[{**row, "LBSEQ": str(n)} for n, row in enumerate(rows, 2)]]
    after = outcome({**ONE, "LB": early}).bodies
    assert len(after.keys() - before.keys()) == 1
    assert all(after[rid].body == one.body for rid, one in before.items())


def test_a_corrected_date_is_a_possible_correction() -> None:
    [before] = [
        one for one in outcome({**ONE, "LB": [lb(day="2020-02-01")]}).bodies.values() if one.type == "Observation"
    ]
    [after] = [
        one for one in outcome({**ONE, "LB": [lb(day="2020-02-02")]}).bodies.values() if one.type == "Observation"
    ]
    [other] = [one for one in outcome({**ONE, "LB": [lb(test="AST")]}).bodies.values() if one.type == "Observation"]
    assert before.rid != after.rid
    assert before.loose == after.loose
    assert other.loose not in (None, before.loose)


# Exposure

EC = [{"USUBJID": "S", "ECSTDTC": f"2020-02-0{n}", "ECOCCUR": "Y", "ECLOT": "L"} for n in (1, 2)]
EX = [{"USUBJID": "S", "EXSTDTC": f"2020-02-0{n}", "EXTRT": "CELLS", "EXDOSE": "5", "EXDOSU": "mg"} for n in (1, 2, 3)]


def test_collected_and_protocol_exposure_of_one_dose_are_one_infusion() -> None:
    found = outcome({**ONE, "EC": EC, "EX": EX}, blind=False)
    assert found.outcomes("EC") == {"delivered": 2}
    assert found.outcomes("EX") == {"merged": 2, "delivered": 1}
    assert len(found.of_type("MedicationAdministration")) == 3


@pytest.mark.parametrize(
    ("collected", "planned"), [("2020-02-01", "2020-02-01T10:00"), ("2020-02-01T10:00", "2020-02-01")]
)
def test_a_dose_in_two_precisions_is_one_infusion(collected: str, planned: str) -> None:
    found = outcome(
        {**ONE, "EC": [{**EC[0], "ECSTDTC": collected}], "EX": [{**EX[0], "EXSTDTC": planned}]}, blind=False
    )
    [body] = found.of_type("MedicationAdministration")
    assert found.outcomes("EX") == {"merged": 1}
    assert body["dosage"]["dose"]["value"] == 5


def test_a_dose_that_fits_two_is_held_and_named() -> None:
    twice = [{**EC[0], "ECSTDTC": f"2020-02-01T{hour}:00"} for hour in (10, 14)]
    found = outcome({**ONE, "EC": twice, "EX": EX[:1]}, blind=False)
    assert found.outcomes("EC") == {"delivered": 2}
    assert found.outcomes("EX") == {"held": 1}
    assert len(found.of_type("MedicationAdministration")) == 2
    [finding] = [one for one in found.findings if one.rule == "MSC-MAP-012"]
    assert [(one.table, one.row, one.fields) for one in finding.origins] == [("EX", 1, ("USUBJID", "EXSTDTC"))]
    assert "dose" not in found.of_type("MedicationAdministration")[0].get("dosage", {})


@pytest.mark.parametrize("more", [{"ECTPT": "AM"}, {"ECDOSE": "20", "ECDOSU": "mL"}, {"ECOCCUR": "N"}])
def test_a_dose_of_several_collected_ones_is_held(more: dict[str, str]) -> None:
    found = outcome({**ONE, "EC": [EC[0], {**EC[0], **more}, EC[1]], "EX": EX[:2]}, blind=False)
    assert found.outcomes("EC") == {"delivered": 3}
    assert found.outcomes("EX") == {"held": 1, "merged": 1}
    [finding] = [one for one in found.findings if one.rule == "MSC-MAP-012"]
    assert [origin.row for origin in finding.origins] == [1]
    doses = [body.get("dosage", {}).get("dose") for body in found.of_type("MedicationAdministration")]  # type: ignore[attr-defined]
    assert [dose["value"] for dose in doses if dose and dose["unit"] == "mg"] == [5]


def test_a_collected_dose_that_is_written_twice_is_one() -> None:
    found = outcome({**ONE, "EC": [{**EC[0], "ECSEQ": n} for n in "12"], "EX": EX[:1]}, blind=False)
    assert found.outcomes("EC") == {"delivered": 1, "merged": 1}
    assert found.outcomes("EX") == {"merged": 1}


def test_a_collected_dose_without_a_date_may_be_any() -> None:
    visit = {"USUBJID": "S", "VISITNUM": "1", "SVSTDTC": "2020-02-02"}
    undated = {**EC[1], "ECSTDTC": "", "VISITNUM": "1"}
    found = outcome({**ONE, "SV": [visit], "EC": [EC[0], undated], "EX": EX[:2]}, blind=False)
    assert found.outcomes("EC") == {"delivered": 2}
    assert found.outcomes("EX") == {"merged": 1, "held": 1}
    assert len(found.of_type("MedicationAdministration")) == 2


def test_the_product_and_the_reason_stand_where_the_first_column_is_empty() -> None:
    missed = {**EC[0], "ECOCCUR": "N", "ECTRT": "CELLS", "ECREASND": "FEVER"}
    [body] = outcome({**ONE, "EC": [missed]}, blind=False).of_type("MedicationAdministration")
    assert "CELLS" in str(body)
    assert body["statusReason"] == [{"text": "FEVER"}]


def test_two_products_of_one_day_are_two_infusions() -> None:
    given = [{**EC[0], "ECTRT": name} for name in ("CELLS", "OTHER CELLS")]
    planned = [{**EX[0], "EXTRT": name} for name in ("CELLS", "OTHER CELLS")]
    found = outcome({**ONE, "EC": given, "EX": planned}, blind=False)
    assert found.outcomes("EC") == {"delivered": 2}
    assert found.outcomes("EX") == {"held": 2}


@pytest.mark.parametrize(
    ("mood", "became"),
    [("Performed", "delivered"), ("performed", "delivered"), ("Scheduled", "not-mapped"), ("PLANED", "rejected")],
)
@pytest.mark.parametrize("blind", [True, False])
def test_a_dose_is_a_dose_however_its_mood_is_spelled(mood: str, became: str, blind: bool) -> None:
    found = outcome({**ONE, "EC": [{**EC[0], "ECMOOD": mood}]}, blind=blind)
    assert found.outcomes("EC") == {became: 1}


@pytest.mark.parametrize("spelled", [str.upper, str.lower, str.capitalize, str.title])
def test_what_was_not_done_is_not_done_however_it_is_spelled(spelled: Callable[[str], str]) -> None:
    no, not_done, yes = spelled("N"), spelled("NOT DONE"), spelled("Y")
    doses = [
        {"USUBJID": "S", "ECSTDTC": "2020-02-01", "ECOCCUR": no},
        {"USUBJID": "S", "ECSTDTC": "2020-02-02", "ECSTAT": not_done},
    ]
    history = [{"USUBJID": "S", "MHTERM": "GOUT", "MHPRESP": yes, "MHOCCUR": no}]
    asked = [{"USUBJID": "S", "CMTRT": "ASPIRIN", "CMPRESP": yes, "CMOCCUR": no}]
    event = [{"USUBJID": "S", "AETERM": "RASH", "AESTDTC": "2020-02-02", "AESER": yes, "AESDTH": yes}]
    result = [lb(result="40", LBSTAT=not_done)]
    found = outcome({**ONE, "EC": doses, "MH": history, "CM": asked, "AE": event, "LB": result})
    assert {one["status"] for one in found.of_type("MedicationAdministration")} == {"not-done"}
    assert "refuted" in str(found.of_type("Condition")[0]["verificationStatus"])
    assert found.of_type("MedicationStatement")[0]["status"] == "not-taken"
    assert "Results In Death" in str(found.of_type("AdverseEvent"))
    assert "valueQuantity" not in found.of_type("Observation")[0]


@pytest.mark.parametrize("table", ["EC", "EX"])
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("Y", "completed"),
        ("yes", "completed"),
        ("", "completed"),
        ("No", "not-done"),
        ("U", "unknown"),
        ("MAYBE", None),
    ],
)
def test_an_infusion_is_given_where_somebody_says_so(table: str, answer: str, status: str | None) -> None:
    dose = {"USUBJID": "S", f"{table}STDTC": "2020-02-01", f"{table}OCCUR": answer}
    found = outcome({**ONE, table: [dose]}, blind=False)
    assert [one["status"] for one in found.of_type("MedicationAdministration")] == ([status] if status else [])
    assert found.outcomes(table) == {"delivered" if status else "rejected": 1}


def test_a_history_of_which_nobody_knows_is_none() -> None:
    asked = {"USUBJID": "S", "MHTERM": "GOUT", "MHPRESP": "Y", "MHOCCUR": "U"}
    assert outcome({**ONE, "MH": [asked]}).outcomes("MH") == {"not-mapped": 1}


def test_a_dose_that_was_only_scheduled_is_no_partner() -> None:
    doses = [
        {**EC[0], "ECMOOD": "SCHEDULED", "ECSTDTC": "2020-02-01"},
        {**EC[0], "ECMOOD": "PERFORMED", "ECSTDTC": "2020-02-01T10:15"},
    ]
    found = outcome({**ONE, "EC": doses, "EX": EX[:1]}, blind=False)
    assert found.outcomes("EX") == {"merged": 1}
    assert len(found.of_type("MedicationAdministration")) == 1


def test_a_dose_in_words_is_sent_unless_somebody_is_blind() -> None:
    words = {"EXDOSE": "", "EXDOSU": "VIAL", "EXDOSTXT": "1-2"}
    collected = [{**EC[0], "ECDOSU": "mL", "ECDOSTXT": "50 to 100"}]
    for tables, told in (
        ({"EX": [{**EX[0], **words}]}, "1-2 VIAL"),
        ({"EC": collected}, "50 to 100 mL"),
        ({"EC": EC[:1], "EX": [{**EX[0], **words}]}, "1-2 VIAL"),
        ({"EC": collected, "EX": [{**EX[0], **words}]}, "1-2, VIAL, 50 to 100, mL"),
    ):
        [body] = outcome({**ONE, **tables}, blind=False).of_type("MedicationAdministration")
        assert body["dosage"]["text"] == told  # type: ignore[index]
    assert outcome({**ONE, "EC": collected}).of_type("MedicationAdministration") == outcome(
        {**ONE, "EC": EC[:1]}
    ).of_type("MedicationAdministration")


def test_what_becomes_of_a_dose_becomes_of_both_its_rows() -> None:
    early = [{**row, key: row[key].replace("2020-02-01", "2019-01-01")} for row, key in [(EC[0], "ECSTDTC")]]
    late = [{**EX[0], "EXSTDTC": "2019-01-01"}]
    found = outcome({**ONE, "EC": early, "EX": late}, blind=False)
    assert found.outcomes("EC") == found.outcomes("EX") == {"held": 1}


def test_exposure_is_asked_for_alone_and_knows_of_the_other() -> None:
    from dataclasses import replace

    from fhir_msc.desired.assembly import assemble
    from tests.unit.desired.trial_source import POLICY, sdtm

    desired = assemble(Memory({**ONE, "EC": EC, "EX": EX}), sdtm(), replace(POLICY, blind=False), b"secret")
    table = next(one for one in desired.tables() if one.name == "EX")
    assert sum(len(batch) for batch in table.stream()) == 1


def test_a_blind_project_has_no_infusions_without_collected_exposure() -> None:
    def said(**tables: list[dict[str, str]]) -> bool:
        return "MSC-BLIND-001" in {one.rule for one in outcome({**ONE, **tables}).findings}

    assert said(EX=EX)
    assert said()
    assert not said(EC=EC)
    assert outcome({**ONE, "EX": EX}).findings == outcome(ONE).findings
    assert outcome({**ONE, "EX": EX}).of_type("MedicationAdministration") == []
    assert "MSC-BLIND-001" not in {one.rule for one in outcome({**ONE, "EX": EX}, blind=False).findings}


def qualifier(name: str, number: str = "1", domain: str = "EC") -> dict[str, str]:
    return {"USUBJID": "S", "IDVAR": f"{domain}SEQ", "IDVARVAL": number, "QNAM": name, "QVAL": "x"}


def test_qualifiers_without_a_row_are_rejected_by_name() -> None:
    told = [qualifier("ECREASOC", n) for n in ("1", "2")]
    dose = {"USUBJID": "S", "ECSEQ": "1", "ECSTDTC": "2020-02-01", "ECOCCUR": "N"}
    found = outcome({**ONE, "EC": [dose], "SUPPEC": told}, blind=False)
    assert found.outcomes("SUPPEC") == {"merged": 1, "rejected": 1}
    [orphan] = [one for one in found.findings if one.rule == "MSC-MAP-008"]
    assert [origin.row for origin in orphan.origins] == [2]
    early = outcome({**ONE, "EC": [{**dose, "ECSTDTC": "2019-01-01"}], "SUPPEC": told[:1]}, blind=False)
    assert early.outcomes("SUPPEC") == {"held": 1}


@pytest.mark.parametrize("name", ["EXOTHER", "EXLOT"])
def test_qualifiers_of_a_row_that_went_elsewhere_have_their_row(name: str) -> None:
    told = [qualifier(name, domain="EX"), qualifier(name, "9", domain="EX")]
    planned = [{**EX[0], "EXSEQ": "1"}]
    found = outcome({**ONE, "EC": EC, "EX": planned, "SUPPEX": told}, blind=False)
    assert found.outcomes("EX") == {"merged": 1}
    assert found.outcomes("SUPPEX") == {"not-mapped": 1, "rejected": 1}
    twice = [EC[0], {**EC[0], "ECTPT": "PM"}]
    held = outcome({**ONE, "EC": twice, "EX": planned, "SUPPEX": told}, blind=False)
    assert held.outcomes("SUPPEX") == {"not-mapped" if name == "EXOTHER" else "held": 1, "rejected": 1}


def test_qualifiers_that_nothing_reads_went_into_no_row() -> None:
    dose = {"USUBJID": "S", "ECSEQ": "1", "ECSTDTC": "2020-02-01", "ECOCCUR": "N"}
    told = [qualifier("ECREASOC"), qualifier("ECOTHER"), qualifier("ECOTHER", "2")]
    found = outcome({**ONE, "EC": [dose], "SUPPEC": told}, blind=False)
    assert found.accounts["SUPPEC"].rows == 3
    assert found.accounts["SUPPEC"].outcomes == {
        ("merged", "a row of EC"): 1,
        ("not-mapped", "nothing reads this qualifier"): 1,
        ("rejected", "MSC-MAP-008"): 1,
    }
    event = {"USUBJID": "S", "AESEQ": "1", "AETERM": "RASH", "AESTDTC": "2020-02-01"}
    of_event = outcome({**ONE, "AE": [event], "SUPPAE": [qualifier("AESOSP", domain="AE")]}, blind=False)
    assert of_event.accounts["SUPPAE"].outcomes == {("not-mapped", "nothing reads this qualifier"): 1}
    assert of_event.outcomes("AE") == {"delivered": 1}


def test_qualifiers_that_name_their_row_by_a_sealed_column_are_joined_to_none() -> None:
    def found(value: str, *, blind: bool) -> Outcome:
        told = [
            {"USUBJID": "S", "IDVAR": "VISITNUM", "IDVARVAL": "1", "QNAM": "ECREASOC", "QVAL": "FEVER"},
            {"USUBJID": "S", "IDVAR": "ECSPID", "IDVARVAL": "E1", "QNAM": "ECREASOC", "QVAL": "FEVER"},
            {"USUBJID": "S", "IDVAR": "ECREASOC", "IDVARVAL": "", "QNAM": "ECREASOC", "QVAL": "FEVER"},
        ]
        rows = [{**row, "VISITNUM": "1", "ECSPID": value} for row in EC[:1]]
        return outcome({**ONE, "EC": rows, "SUPPEC": told}, blind=blind)

    assert found("E1", blind=False).outcomes("SUPPEC") == {"merged": 2, "rejected": 1}
    blind = found("E1", blind=True)
    assert blind.outcomes("SUPPEC") == {"merged": 1, "not-mapped": 1, "rejected": 1}
    assert "ECSPID" not in repr((blind.findings, blind.accounts))
    assert blind == found("", blind=True)


def test_an_empty_required_cell_costs_its_row_where_qualifiers_are_joined_and_columns_of_the_key_lack() -> None:
    told = [qualifier("AESOSP", domain="AE")]
    event = {"USUBJID": "S", "AESEQ": "1", "AETERM": "RASH", "AESTDTC": "2020-02-01"}
    found = outcome({**ONE, "AE": [event, {**event, "AESEQ": "2", "AETERM": ""}], "SUPPAE": told})
    assert found.outcomes("AE") == {"delivered": 1, "rejected": 1}
    [problem] = [one for one in found.findings if one.rule == "MSC-MAP-005"]
    assert problem.origins[0].fields == ("AETERM",)


# Fingerprints


def test_a_fingerprint_changes_with_whatever_its_bodies_depend_on() -> None:
    rows = {**ONE, "EC": EC, "EX": EX, "LB": [lb()], "VS": [vs()]}
    before = fingerprints(rows, blind=False)
    assert fingerprints(rows, blind=False) == before

    def changed(**tables: list[dict[str, str]]) -> set[str]:
        after = fingerprints({**rows, **tables}, blind=False)
        return {name for name, one in after.items() if before.get(name) != one}

    assert changed(LB=[lb(result="41")]) == {"LB"}
    assert changed(LB=[lb(LBNAM="A")]) == {"LB"}
    assert changed(EC=EC[:1]) == {"EC", "EX"}
    assert changed(EX=EX[:1]) == {"EC", "EX"}
    assert changed(DS=consent("S", day="2020-01-02")) == set(before)


def test_in_a_blind_project_it_does_not_change_with_what_is_sealed() -> None:
    rows = {"DM": dm("S"), "DS": consent("S"), "EC": EC, "LB": [lb(), lb(test="CHIM1")]}
    before = fingerprints(rows)
    sealed = {"DM": dm("S", ARM="other"), "EC": [{**row, "ECLOT": "M"} for row in EC], "LB": [lb(test="CHIM2"), lb()]}
    assert fingerprints({**rows, **sealed, "EX": EX}) == before
    assert fingerprints({**rows, "LB": [lb(result="41")]}) != before


# Properties

SUBJECTS = st.sampled_from(["S", "T", "U", ""])
DAYS = st.sampled_from(["2019-12-31", "2020-02-01", "2020-02-02T10:00", "2020-02", "2021-13-45", ""])
LABS = st.builds(
    lb,
    SUBJECTS,
    st.sampled_from(["ALB", "NEW"]),
    st.sampled_from(["40", "<3", "N", ""]),
    DAYS,
    LBNAM=st.sampled_from(["", "A"]),
)
VITALS = st.builds(vs, SUBJECTS, st.sampled_from(["SYSBP", "DIABP", "PULSE"]), st.sampled_from(["60", "80", "x"]), DAYS)
TRIALS = st.fixed_dictionaries(
    {
        "DM": st.just([*dm("S"), *dm("T", SITEID="2")]),
        "DS": st.just([*consent("S"), step("S", "WITHDRAWAL OF CONSENT", "2020-02-01")]) | st.just(consent("S", "T")),
        "LB": st.lists(LABS, max_size=8),
        "VS": st.lists(VITALS, max_size=8),
    }
)


@settings(max_examples=25, deadline=None)
@given(TRIALS, st.integers(0, 2**32))
def test_the_order_of_rows_changes_nothing(trial: dict[str, list[dict[str, str]]], seed: int) -> None:
    shuffled = {name: Random(seed).sample(rows, len(rows)) for name, rows in trial.items()}
    one, other = outcome(trial), outcome(shuffled)
    assert {rid: each.body for rid, each in one.bodies.items()} == {
        rid: each.body for rid, each in other.bodies.items()
    }
    assert {rid: each.loose for rid, each in one.bodies.items()} == {
        rid: each.loose for rid, each in other.bodies.items()
    }
    assert one.accounts == other.accounts
    said = [[(f.rule, f.message, f.key, f.count, len(f.origins)) for f in each.findings] for each in (one, other)]
    assert sorted(said[0], key=repr) == sorted(said[1], key=repr)


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_how_many_rows_are_made_together_changes_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among them a result that is held, one that shares a key, one that cannot be read, and one of nobody."""
    days = ["2020-02-01", "2019-12-30", "2020-02-02", "yesterday", "2020-02-02", "2020-02-04"]
    results = [lb(day=day, LBORRES=str(number)) for number, day in enumerate(days)]
    rows = {**ONE, "LB": [*results, lb("T"), lb(day="2020-02-05", LBORRES="NEGATIVE")]}
    usual = outcome(rows)
    monkeypatch.setattr("fhir_msc.desired.mapped._AT_ONCE", at_once)
    found = outcome(rows)
    assert (found.bodies, found.findings, found.accounts) == (usual.bodies, usual.findings, usual.accounts)
    assert set(found.outcomes("LB")) == {"delivered", "held", "rejected"}


@settings(max_examples=15, deadline=None)
@given(TRIALS)
def test_every_resource_has_its_origins_and_what_it_refers_to(trial: dict[str, list[dict[str, str]]]) -> None:
    found = outcome(trial)
    for one in found.bodies.values():
        assert one.origins
        assert set(one.refs) <= found.bodies.keys()
    assert all(one.origins for one in found.findings)


def test_a_damaged_table_costs_that_table_alone() -> None:
    from dataclasses import replace

    from fhir_msc.desired.assembly import assemble
    from tests.unit.desired.trial_source import POLICY, sdtm

    source = Memory({**ONE, "LB": [lb()]}, damage={"AE": "empty file"})
    tables = {one.name: one for one in assemble(source, sdtm(), replace(POLICY), b"secret").tables()}
    with pytest.raises(SourceError, match="empty file"):
        tables["AE"].fingerprint()
    with pytest.raises(SourceError, match="empty file"):
        list(tables["AE"].stream())
    assert sum(len(batch) for batch in tables["LB"].stream()) == 1


def test_in_a_blind_project_nothing_is_said_of_what_cannot_be_read_and_is_not_mapped() -> None:
    damaged = Memory({**ONE}, damage={"pp_2": "empty file"})
    assert outcome(damaged).findings == outcome(ONE).findings
    assert outcome(damaged).accounts.keys() == outcome(ONE).accounts.keys()
    with pytest.raises(SourceError, match="empty file"):
        outcome(damaged, blind=False)

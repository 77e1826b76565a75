"""The forms of the example trial: every field, its type, its unit and its choices."""

from __future__ import annotations

from fhir_msc.example.design import SITES
from fhir_msc.example.dictionary import SYNTHETIC, Choices, Field
from fhir_msc.example.instruments import ANALYTES, BILAG_SYSTEMS, SLEDAI


def _date(name: str, label: str) -> Field:
    return Field(name, "text", label, check="date_ymd")


def _origin(name: str) -> Field:
    note = "All values of this project are synthetic: no participant of the trial is described."
    return Field(name, "text", "Origin of the data", note=note, annotation=f"@DEFAULT='{SYNTHETIC}' @READONLY")


def _number(name: str, label: str, unit: str, kind: str, low: str = "", high: str = "") -> Field:
    return Field(name, "text", label, note=f"Unit: {unit}" if unit else "", check=kind, low=low, high=high)


ELIGIBILITY_REASONS: Choices = (
    ("I4", "Disease activity below the threshold of inclusion"),
    ("I6", "Informed consent not obtained"),
    ("E3", "Laboratory exclusion"),
    ("E4", "Infection found at screening"),
    ("E9", "Recent herpes zoster or serious infection"),
    ("E13", "Recent change of immunosuppressant"),
)
"""The criteria, by their place in the registry's list, that a screening in the example can fail."""

ENDINGS: Choices = (
    ("1", "Completed"),
    ("2", "Screen failure"),
    ("3", "Withdrawal of consent"),
    ("4", "Withdrawal by subject"),
    ("5", "Lost to follow-up"),
    ("6", "Adverse event"),
    ("7", "Physician decision"),
)

_BILAG_GRADES: Choices = tuple((grade, f"Grade {grade}") for grade in "ABCDE")

_DEMOGRAPHICS = (
    Field("record_id", "text", "Record ID"),
    _origin("data_origin"),
    Field("initials", "text", "Initials", identifier=True),
    Field("site", "dropdown", "Site", tuple((site.number, site.city) for site in SITES)),
    Field("sex", "radio", "Sex", (("1", "Female"), ("2", "Male"))),
    Field("birth_year_month", "text", "Year and month of birth", note="YYYY-MM, or YYYY where the month is unknown"),
    Field(
        "race",
        "checkbox",
        "Race (check all that apply)",
        (
            ("1", "American Indian or Alaska Native"),
            ("2", "Asian"),
            ("3", "Black or African American"),
            ("4", "Native Hawaiian or Other Pacific Islander"),
            ("5", "White"),
            ("6", "Not reported"),
        ),
    ),
    Field(
        "ethnicity",
        "radio",
        "Ethnicity",
        (("1", "Hispanic or Latino"), ("2", "Not Hispanic or Latino"), ("3", "Unknown")),
    ),
)

_CONSENT = (
    _date("consent_date", "Date of written informed consent"),
    Field("consent_version", "text", "Version of the consent form"),
    Field("consent_withdrawn", "yesno", "Has the consent been withdrawn?"),
    Field(
        "consent_withdrawn_date", "text", "Date of withdrawal", check="date_ymd", shown_if="[consent_withdrawn] = '1'"
    ),
)

_ELIGIBILITY = (
    _date("elig_date", "Date of the decision"),
    Field("elig_result", "radio", "Result of the screening", (("1", "Eligible"), ("2", "Screen failure"))),
    Field("elig_reason", "dropdown", "Criterion not met", ELIGIBILITY_REASONS, shown_if="[elig_result] = '2'"),
)

_RANDOMISATION = (_date("rand_date", "Date of randomisation"),)

_INFUSION = (
    _date("inf_date", "Day of the infusion, or on which it was due"),
    Field("inf_done", "yesno", "Was the study infusion given?"),
    Field(
        "inf_datetime",
        "text",
        "Start of the infusion",
        note="Local time of the site",
        check="datetime_ymd",
        shown_if="[inf_done] = '1'",
    ),
    Field("inf_route", "dropdown", "Route", (("1", "Intravenous"),), shown_if="[inf_done] = '1'"),
    Field(
        "inf_reason_not_done",
        "dropdown",
        "Why was it not given?",
        (("1", "Intercurrent illness"), ("2", "Abnormal vital signs"), ("3", "Decision of the participant")),
        shown_if="[inf_done] = '0'",
    ),
)

_VISIT = (
    _origin("visit_data_origin"),
    Field("visit_status", "radio", "Status of the visit", (("1", "Attended"), ("2", "Missed"))),
    Field("visit_date", "text", "Date of the visit", check="date_ymd", shown_if="[visit_status] = '1'"),
    Field(
        "visit_reason_missed",
        "dropdown",
        "Why was it missed?",
        (("1", "Illness"), ("2", "Travel"), ("3", "Site closed"), ("4", "Not reached"), ("5", "Other")),
        shown_if="[visit_status] = '2'",
    ),
    Field(
        "visit_reason_unscheduled",
        "dropdown",
        "Reason for an unscheduled visit",
        (("1", "Suspected flare"), ("2", "Follow-up of an adverse event"), ("3", "Repeat of a laboratory test")),
    ),
)

_VITALS = (
    _date("vs_date", "Date of the measurement"),
    _number("vs_systolic", "Systolic blood pressure", "mm[Hg]", "integer", "60", "260"),
    _number("vs_diastolic", "Diastolic blood pressure", "mm[Hg]", "integer", "30", "160"),
    _number("vs_pulse", "Pulse", "/min", "integer", "30", "220"),
    _number("vs_respiration", "Respiratory rate", "/min", "integer", "6", "60"),
    _number("vs_temperature", "Body temperature", "Cel", "number_1dp", "33.0", "43.0"),
    _number("vs_weight", "Body weight", "kg", "number_1dp", "30.0", "250.0"),
    _number("vs_height", "Body height", "cm", "integer", "120", "220"),
    _number("vs_spo2", "Oxygen saturation", "%", "integer", "50", "100"),
)

_LABORATORY = (
    Field("lab_datetime", "text", "Collection of the sample", note="Local time of the site", check="datetime_ymd"),
    *(
        _number(
            test.field, test.label, test.unit, "" if test.may_be_limited else "number" if test.decimals else "integer"
        )
        for test in ANALYTES
    ),
    Field("lab_ana_titre", "text", "Antinuclear antibody titre, serum", note="As reported, for example 1:160"),
    Field(
        "lab_pregnancy",
        "radio",
        "Pregnancy test, urine",
        (("0", "Negative"), ("1", "Positive"), ("2", "Not applicable")),
    ),
)

_SLEDAI = (
    _date("sledai_date", "Date of the assessment"),
    *(
        Field(item.field, "yesno", item.label, note=f"SLEDAI-2K weight {item.weight}, window 30 days")
        for item in SLEDAI
    ),
    Field(
        "sledai_total",
        "calc",
        "SLEDAI-2K total score",
        note="Empty while an item is missing",
        formula=" + ".join(f"[{item.field}] * {item.weight}" for item in SLEDAI),
    ),
)

_BILAG = (
    _date("bilag_date", "Date of the assessment"),
    *(Field(f"bilag_{name}", "radio", f"BILAG-2004 grade, {name}", _BILAG_GRADES) for name in BILAG_SYSTEMS),
)

_FLARE_CLASSES: Choices = (("0", "None"), ("1", "Mild or moderate"), ("2", "Severe"))

_SERIOUSNESS: Choices = (
    ("1", "Results in death"),
    ("2", "Life threatening"),
    ("3", "Requires or prolongs inpatient hospitalisation"),
    ("4", "Persistent or significant disability"),
    ("5", "Congenital anomaly or birth defect"),
    ("6", "Other medically important condition"),
)

_ADVERSE_EVENTS = (
    _origin("ae_data_origin"),
    Field("ae_term", "text", "Adverse event", note="In plain words, not coded"),
    _date("ae_start", "Start"),
    _date("ae_end", "End"),
    Field("ae_severity", "radio", "Severity", (("1", "Mild"), ("2", "Moderate"), ("3", "Severe"))),
    Field("ae_serious", "yesno", "Serious?"),
    Field("ae_criteria", "checkbox", "Criteria of seriousness", _SERIOUSNESS, shown_if="[ae_serious] = '1'"),
    Field(
        "ae_related",
        "radio",
        "Relation to the study infusion",
        (("0", "Not related"), ("1", "Unlikely related"), ("2", "Possibly related"), ("3", "Related")),
    ),
    Field(
        "ae_outcome",
        "dropdown",
        "Outcome",
        (
            ("1", "Recovered/Resolved"),
            ("2", "Recovering/Resolving"),
            ("3", "Not recovering/not resolved"),
            ("4", "Recovered/Resolved with sequelae"),
            ("5", "Fatal"),
            ("6", "Unknown"),
        ),
    ),
    Field(
        "ae_action",
        "dropdown",
        "Action taken with the study infusion",
        (("0", "None"), ("1", "Infusion interrupted"), ("2", "Infusion stopped")),
    ),
)

_DISPOSITION = (
    _origin("disp_data_origin"),
    Field("disp_status", "dropdown", "End of the study", ENDINGS),
    _date("disp_date", "Date of the end of the study"),
)

FORMS: dict[str, tuple[Field, ...]] = {
    "demographics": _DEMOGRAPHICS,
    "consent": _CONSENT,
    "eligibility": _ELIGIBILITY,
    "randomisation": _RANDOMISATION,
    "infusion": _INFUSION,
    "visit": _VISIT,
    "vitals": _VITALS,
    "laboratory": _LABORATORY,
    "sledai": _SLEDAI,
    "bilag": _BILAG,
    "pga": (
        _date("pga_date", "Date of the assessment"),
        _number("pga_score", "Physician global assessment, 0 to 3", "", "number_1dp", "0.0", "3.0"),
    ),
    "flare": (
        _date("flare_date", "Date of the assessment"),
        Field("flare_class", "radio", "SELENA-SLEDAI flare index since the last visit", _FLARE_CLASSES),
    ),
    "fatigue": (
        _date("fatigue_date", "Date of the questionnaire"),
        _number(
            "fatigue_total", "FACIT-Fatigue total score, 0 to 52, higher is less fatigue", "", "integer", "0", "52"
        ),
    ),
    "pain": (
        _date("pain_date", "Date of the question"),
        _number("pain_nrs", "Pain, numeric rating 0 to 10", "", "integer", "0", "10"),
    ),
    "depression": (
        _date("depression_date", "Date of the questionnaire"),
        _number("depression_total", "PHQ-9 total score, 0 to 27", "", "integer", "0", "27"),
    ),
    "quality_of_life": (
        _date("qol_date", "Date of the questionnaire"),
        _number("qol_pcs", "SF-36v2 physical component summary, T-score", "", "number_1dp", "0.0", "100.0"),
    ),
    "adverse_events": _ADVERSE_EVENTS,
    "disposition": _DISPOSITION,
}
"""The fields of each form, in the order of the export."""

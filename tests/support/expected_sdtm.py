"""What the SDTM study must become, counted from its files by pyreadstat. Imports nothing of fhir_msc."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyreadstat

FINDINGS = ("DD", "FA", "IE", "OE", "QSPH", "QSSL", "RS")
"""The domains of the Findings class beside LB and VS that the study has as XPT; FT stands as Dataset-JSON alone."""

NOTHING_IS_MADE_OF = ("SE", "SUPPDM")
"""SUPPDM says RACE1 to RACE3 alone, and R4's Patient has no race."""

JOINED = {"FA": "FALNKGRP", "DD": "DDLNKID"}
"""The tables of results that RELREC joins to AE, by the column that holds AELNKID."""

STUDY_DESIGN = ("TA", "TE", "TI", "TS", "TV")
"""The tables whose rows belong to no participant."""

LEFT_OF_TS = (
    *(
        "AGEMAX",
        "DCUTDESC",
        "DCUTDTC",
        "DOSE",
        "DOSFRM",
        "DOSFRQ",
        "DOSU",
        "LENGTH",
        "NARMS",
        "PCLAS",
        "RANDQT",
        "ROUTE",
    ),
    *("SDTIGVER", "SDTMVER", "SEXPOP", "STOPRULE", "TDIGRP"),
)
"""Parameters of the trial summary for which R4 has no place, or that say nothing (no upper age, both sexes)."""

ALL_ROWS = 14_397
"""The rows of the study in all its domains, as the README beside the data counts them."""


def rows_of_functional_tests(folder: Path) -> list[dict[str, str]]:
    """The rows of FT, which the study has as Dataset-JSON alone; numbers as text."""
    document = json.loads((folder / "ft.json").read_text("utf-8"))
    names = [column["name"] for column in document["columns"]]
    return [
        dict(zip(names, ["" if cell is None else str(cell) for cell in cells], strict=True))
        for cells in document["rows"]
    ]


def reported(found: Iterable[dict[str, object]], prefix: str) -> Counter[str]:
    """The results of a Findings domain as they were reported."""
    return Counter(str(row[f"{prefix}ORRES"]) for row in found)


def scored(found: Iterable[dict[str, object]], prefix: str) -> int:
    """Rows whose result is words that count for a number."""
    counted = ((str(row[f"{prefix}ORRES"]), str(row.get(f"{prefix}STRESN"))) for row in found)
    return sum(not words.isdigit() and number.removesuffix(".0").isdigit() for words, number in counted)


def medication_states(folder: Path) -> Counter[str]:
    """Concomitant medication by status: ended, ongoing when last seen, or nobody knows."""
    return Counter(
        "completed" if row["CMENDTC"] else "active" if row["CMENRTPT"] == "ONGOING" else "unknown"
        for row in rows(folder, "CM")
    )


def deaths(folder: Path) -> list[str]:
    """The dates of death, in their order."""
    return sorted(str(row["DTHDTC"]) for row in rows(folder, "DM") if row["DTHFL"] == "Y")


def left_of_summary(folder: Path) -> int:
    """Rows of the trial summary of which nothing can be made."""
    return sum(row["TSPARMCD"] in LEFT_OF_TS for row in rows(folder, "TS"))


def summary(folder: Path, parameter: str) -> list[str]:
    """What the trial summary says under a parameter."""
    return [str(row["TSVAL"]) for row in rows(folder, "TS") if row["TSPARMCD"] == parameter]


def criteria(folder: Path) -> dict[str, Counter[tuple[str, str, bool]]]:
    """The criteria by version of the protocol: identifier, words, whether one excludes."""
    found: dict[str, Counter[tuple[str, str, bool]]] = {}
    for row in rows(folder, "TI"):
        criterion = (str(row["IETESTCD"]), str(row["IETEST"]), row["IECAT"] == "EXCLUSION")
        found.setdefault(str(row["TIVERS"]), Counter())[criterion] += 1
    return found


def joins(folder: Path) -> Counter[str]:
    """How many rows of RELREC join what: results to events, or what R4 has no link for."""
    found: dict[str, list[str]] = {}
    for row in rows(folder, "RELREC"):
        assert not row["USUBJID"]
        found.setdefault(str(row["RELID"]), []).append(str(row["RDOMAIN"]))
    return Counter(
        "results" if "AE" in domains and set(domains) & set(JOINED) else "other"
        for domains in found.values()
        for _ in domains
    )


def results_about_events(folder: Path) -> dict[str, Counter[tuple[str, ...]]]:
    """The terms of the events that the results of each table are about."""
    events: dict[tuple[object, object], list[str]] = {}
    for row in rows(folder, "AE"):
        events.setdefault((row["USUBJID"], row["AELNKID"]), []).append(str(row["AETERM"]))
    return {
        domain: Counter(tuple(sorted(events.get((row["USUBJID"], row[column]), ()))) for row in rows(folder, domain))
        for domain, column in JOINED.items()
    }


def devices(folder: Path) -> dict[str, dict[str, str]]:
    """What is said of each device, by parameter."""
    found: dict[str, dict[str, str]] = {}
    for row in rows(folder, "DI"):
        found.setdefault(str(row["SPDEVID"]), {})[str(row["DIPARMCD"])] = str(row["DIVAL"])
    return found


def planned_arms(folder: Path) -> dict[str, list[str]]:
    """The elements of each arm in their order, by the arm's name."""
    steps = sorted(rows(folder, "TA"), key=lambda row: (str(row["ARMCD"]), float(str(row["TAETORD"]))))
    arms: dict[str, list[str]] = {}
    for row in steps:
        arms.setdefault(str(row["ARM"]), []).append(str(row["ELEMENT"]))
    return arms


def planned_visits(folder: Path) -> list[tuple[str, str]]:
    """The visits of the schedule in their order: title and the rule by which they start."""
    visits = sorted(rows(folder, "TV"), key=lambda row: float(str(row["VISITNUM"])))
    return [(str(row["VISIT"]), str(row["TVSTRL"])) for row in visits]


def rows(folder: Path, domain: str) -> list[dict[str, object]]:
    """The rows of a domain."""
    columns, _ = pyreadstat.read_xport(str(folder / f"{domain.lower()}.xpt"), output_format="dict")
    names = list(columns)
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def row_counts(folder: Path) -> dict[str, int]:
    """Rows per domain."""
    return {path.stem.upper(): len(rows(folder, path.stem)) for path in sorted(folder.glob("*.xpt"))}


def consents(folder: Path) -> dict[str, str]:
    """The date of each participant's first consent."""
    dates: dict[str, str] = {}
    for row in rows(folder, "DS"):
        if row["DSDECOD"] == "INFORMED CONSENT OBTAINED":
            subject, day = str(row["USUBJID"]), str(row["DSSTDTC"])
            dates[subject] = min(dates.get(subject, day), day)
    return dates


def held_lab_rows(folder: Path) -> Counter[str]:
    """Laboratory rows per participant collected before the consent; the same day passes."""
    given = consents(folder)
    return Counter(
        str(row["USUBJID"]) for row in rows(folder, "LB") if str(row["LBDTC"])[:10] < given[str(row["USUBJID"])]
    )


def reports(folder: Path, *, covered: bool = False) -> int:
    """Times and visits at which the laboratory gave results of one category to one participant."""
    given = consents(folder)
    return len(
        {
            tuple(row[name] for name in ("USUBJID", "LBCAT", "LBDTC", "VISITNUM"))
            for row in rows(folder, "LB")
            if covered or str(row["LBDTC"])[:10] >= given[str(row["USUBJID"])]
        }
    )


def panels(folder: Path) -> int:
    """Pairs of systolic and diastolic of one reading."""
    readings: dict[tuple[object, ...], set[object]] = {}
    for row in rows(folder, "VS"):
        if row["VSTESTCD"] in ("SYSBP", "DIABP"):
            key = tuple(row[name] for name in ("USUBJID", "VISITNUM", "VSDTC", "VSPOS", "VSREPNUM"))
            readings.setdefault(key, set()).add(row["VSTESTCD"])
    return sum(len(tests) == 2 for tests in readings.values())


def resources(folder: Path, *, covered: bool = False, functional_tests: bool = False) -> dict[str, int]:
    """Resources of the participants by type.

    ``covered``: the consent covers what was collected before it; ``functional_tests``: FT is read too.
    """
    vital_signs = rows(folder, "VS")
    findings = sum(len(rows(folder, domain)) for domain in FINDINGS) + (
        len(rows_of_functional_tests(folder)) if functional_tests else 0
    )
    laboratory = len(rows(folder, "LB")) - (0 if covered else sum(held_lab_rows(folder).values()))
    return {
        "Patient": len(rows(folder, "DM")),
        "ResearchSubject": len(rows(folder, "DM")),
        "Consent": sum(row["DSDECOD"] == "INFORMED CONSENT OBTAINED" for row in rows(folder, "DS")),
        "Encounter": len(rows(folder, "SV")),
        "MedicationAdministration": len(rows(folder, "EC")),
        "Observation": laboratory + len(vital_signs) - panels(folder) + findings,
        "DiagnosticReport": reports(folder, covered=covered),
        "AdverseEvent": len(rows(folder, "AE")),
        "Condition": len(rows(folder, "MH")),
        "MedicationStatement": len(rows(folder, "CM")),
    }


def infusions(folder: Path) -> Counter[str]:
    """Infusions by status."""
    return Counter("not-done" if row["ECOCCUR"] == "N" else "completed" for row in rows(folder, "EC"))

"""What the SDTM study must become, counted from its files by pyreadstat. Imports nothing of fhir_msc."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyreadstat


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


def panels(folder: Path) -> int:
    """Pairs of systolic and diastolic of one reading."""
    readings: dict[tuple[object, ...], set[object]] = {}
    for row in rows(folder, "VS"):
        if row["VSTESTCD"] in ("SYSBP", "DIABP"):
            key = tuple(row[name] for name in ("USUBJID", "VISITNUM", "VSDTC", "VSPOS", "VSREPNUM"))
            readings.setdefault(key, set()).add(row["VSTESTCD"])
    return sum(len(tests) == 2 for tests in readings.values())


def resources(folder: Path, *, covered: bool = False) -> dict[str, int]:
    """Resources of the participants by type; ``covered``: the consent covers what was collected before it."""
    vital_signs = rows(folder, "VS")
    laboratory = len(rows(folder, "LB")) - (0 if covered else sum(held_lab_rows(folder).values()))
    return {
        "Patient": len(rows(folder, "DM")),
        "ResearchSubject": len(rows(folder, "DM")),
        "Consent": sum(row["DSDECOD"] == "INFORMED CONSENT OBTAINED" for row in rows(folder, "DS")),
        "Encounter": len(rows(folder, "SV")),
        "MedicationAdministration": len(rows(folder, "EC")),
        "Observation": laboratory + len(vital_signs) - panels(folder),
        "AdverseEvent": len(rows(folder, "AE")),
    }


def infusions(folder: Path) -> Counter[str]:
    """Infusions by status."""
    return Counter("not-done" if row["ECOCCUR"] == "N" else "completed" for row in rows(folder, "EC"))

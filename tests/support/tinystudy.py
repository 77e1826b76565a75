"""A study of three participants that a test can spoil cell by cell: SDTM as transport files, made from words.

It needs nothing of ``../shared``. ``DESIRED`` is what the target holds once all of it is delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.support.exports import Domain, file_bytes, new_domain

STUDY = "TINY"
SUBJECTS = ("TINY-701-001", "TINY-701-002", "TINY-702-003")

DESIRED = {
    "Organization": 2,
    "Location": 2,
    "ResearchStudy": 3,
    "Patient": 3,
    "ResearchSubject": 3,
    "Consent": 3,
    "Encounter": 6,
    "MedicationAdministration": 3,
    "Observation": 12,
    "DiagnosticReport": 6,
    "AdverseEvent": 3,
}
"""Resources by type of the unspoilt study, beside the CodeSystems of our own codes."""

Study = dict[str, Domain]
"""Its tables by name."""


def tiny_study() -> Study:
    """The study as it should be: per participant two visits, one infusion, four results, one adverse event."""
    return {
        "DM": _domain(
            "DM",
            ("USUBJID", "SUBJID", "SITEID", "SEX", "BRTHDTC", "ARM"),
            lambda s, n: [(s[-3:], s[5:8], "FMF"[n], str(1961 + n), "ACTIVE")],
        ),
        "DS": _domain(
            "DS",
            ("USUBJID", "DSCAT", "DSDECOD", "DSTERM", "DSSTDTC"),
            lambda s, n: [("PROTOCOL MILESTONE", "INFORMED CONSENT OBTAINED", "CONSENT", f"2021-01-0{n + 1}")],
        ),
        "SV": _domain(
            "SV",
            ("USUBJID", "VISITNUM", "VISIT", "SVSTDTC", "SVENDTC"),
            lambda s, n: [
                ("1", "BASELINE", f"2021-02-0{n + 1}", f"2021-02-0{n + 1}"),
                ("2", "WEEK 4", f"2021-03-0{n + 1}", f"2021-03-0{n + 1}"),
            ],
        ),
        "EC": _domain(
            "EC",
            ("USUBJID", "ECTRT", "ECOCCUR", "ECDOSE", "ECDOSU", "ECROUTE", "VISITNUM", "ECSTDTC"),
            lambda s, n: [("CELLS", "Y", "100", "mL", "INTRAVENOUS", "1", f"2021-02-0{n + 1}")],
        ),
        "LB": _domain(
            "LB",
            ("USUBJID", "LBTESTCD", "LBTEST", "LBCAT", "LBORRES", "LBORRESU", "VISITNUM", "LBDTC"),
            lambda s, n: [
                ("ALB", "Albumin", "CHEMISTRY", f"3.9{n}", "g/dL", "1", f"2021-02-0{n + 1}"),
                ("GLUC", "Glucose", "CHEMISTRY", f"9{n}", "mg/dL", "1", f"2021-02-0{n + 1}"),
                ("ALB", "Albumin", "CHEMISTRY", f"4.0{n}", "g/dL", "2", f"2021-03-0{n + 1}"),
            ],
        ),
        "VS": _domain(
            "VS",
            ("USUBJID", "VSTESTCD", "VSTEST", "VSORRES", "VSORRESU", "VISITNUM", "VSDTC"),
            lambda s, n: [("TEMP", "Temperature", f"36.{n + 5}", "C", "1", f"2021-02-0{n + 1}")],
        ),
        "AE": _domain(
            "AE",
            ("USUBJID", "AETERM", "AESTDTC", "AESEV", "AESER", "AEOUT"),
            lambda s, n: [(("RASH", "COUGH", "FEVER")[n], f"2021-02-1{n}", "MILD", "N", "RECOVERED/RESOLVED")],
        ),
    }


def _domain(name: str, columns: Sequence[str], rows: Callable[[str, int], Sequence[Sequence[str]]]) -> Domain:
    cells = [(STUDY, subject, *row) for n, subject in enumerate(SUBJECTS) for row in rows(subject, n)]
    return new_domain(name, ("STUDYID", *columns), cells)


def write_study(folder: Path, study: Mapping[str, Domain]) -> Path:
    """Writes the tables as transport files, one each. Gives the folder."""
    folder.mkdir(exist_ok=True)
    for name, domain in study.items():
        (folder / f"{name.lower()}.xpt").write_bytes(file_bytes(domain))
    return folder


def edited(domain: Domain, row: int, **cells: str) -> Domain:
    """The table with other cells in the row of that number, from 1."""
    rows = list(domain.rows)
    for column, value in cells.items():
        rows[row - 1] = domain.with_cell(rows[row - 1], column, value.encode("latin-1"))
    return replace(domain, rows=tuple(rows))


def with_row(domain: Domain, like: int, **cells: str) -> Domain:
    """The table with one row more at its end: a copy of the row of that number, with other cells."""
    longer = replace(domain, rows=(*domain.rows, domain.rows[like - 1]))
    return edited(longer, len(longer.rows), **cells)


def without_row(domain: Domain, row: int) -> Domain:
    """The table without the row of that number."""
    return replace(domain, rows=(*domain.rows[: row - 1], *domain.rows[row:]))

"""The laboratory form: results as a laboratory reports them, limits of detection and missing-data codes included."""

from __future__ import annotations

from datetime import date

from fhir_msc.example.design import BASELINE, SCREENING
from fhir_msc.example.dictionary import MISSING
from fhir_msc.example.draw import Stream
from fhir_msc.example.instruments import ANALYTES, Analyte
from fhir_msc.example.person import Occasion

MISSING_CODES = frozenset(code for code, _ in MISSING)


def laboratory(stream: Stream, occasion: Occasion) -> dict[str, str]:
    """The cells of the laboratory form."""
    cells = {"lab_datetime": clock(occasion.sample_day, stream.integer(7 * 60 + 30, 11 * 60))}
    for test, value in _values(stream, occasion).items():
        cells[test.field] = or_missing(stream, occasion, _result(test, value))
    if occasion.event is SCREENING:
        cells["lab_ana_titre"] = occasion.person.titre
    if occasion.event in (SCREENING, BASELINE):
        possible = occasion.person.female and occasion.day.year - occasion.person.birth_year < 52
        cells["lab_pregnancy"] = "0" if possible else "2"
    return cells


def clock(day: date, minutes: int) -> str:
    """A local time as REDCap writes it (``datetime_ymd``), ``minutes`` after midnight."""
    return f"{day.isoformat()} {minutes // 60:02d}:{minutes % 60:02d}"


def or_missing(stream: Stream, occasion: Occasion, value: str) -> str:
    """The value, or now and then one of the missing-data codes; a screening is complete, for inclusion rests on it."""
    return stream.pick(MISSING)[0] if stream.chance(0.0 if occasion.event is SCREENING else 0.013) else value


def measured(text: str) -> float | None:
    """The number in a cell, without its comparator; ``None`` for a missing-data code."""
    return None if text in MISSING_CODES else float(text.lstrip("<>"))


def _values(stream: Stream, occasion: Occasion) -> dict[Analyte, float]:
    """The value of every test. Neutrophils and lymphocytes are parts of the leukocytes."""
    shifts, values = _shifts(occasion), {}
    for test in ANALYTES:
        base = test.mean + test.deviation * (occasion.person.offsets[test.name] + stream.near(0, 0.4))
        values[test] = max(base + shifts.get(test.name, 0.0), test.floor)
    by_name = {test.name: test for test in ANALYTES}
    leukocytes = by_name["leukocytes"]
    for part in ("neutrophils", "lymphocytes"):
        values[by_name[part]] *= values[leukocytes] / leukocytes.mean
    if occasion.person.anaemic:
        values[by_name["haemoglobin"]] = stream.uniform(6.9, 7.8)
    return values


def _shifts(occasion: Occasion) -> dict[str, float]:
    """How far the disease moves each test, in the test's unit."""
    serology = occasion.disease.serology * occasion.level
    return {
        "crp": 9.0 * max(occasion.burden - 0.5, 0.0),
        "haemoglobin": -1.1 * occasion.burden,
        "leukocytes": -1.5 * occasion.burden,
        "platelets": -25.0 * occasion.burden,
        "upcr": 1100.0 * occasion.disease.renal * occasion.level,
        "c3": -42.0 * serology,
        "c4": -14.0 * serology,
        "dsdna": 170.0 * occasion.disease.serology * serology,
    }


def _result(test: Analyte, value: float) -> str:
    if test.low is not None and value < test.low:
        return f"<{test.low:g}"
    if test.high is not None and value > test.high:
        return f">{test.high:g}"
    return f"{value:.{test.decimals}f}"

"""The forms of a visit: vital signs, disease activity, and what the participant reports."""

from __future__ import annotations

from fhir_msc.example.design import BASELINE, SCREENING
from fhir_msc.example.disease import bilag_grades, shows
from fhir_msc.example.draw import Stream, clip
from fhir_msc.example.instruments import SLEDAI
from fhir_msc.example.laboratory import laboratory, measured, or_missing
from fhir_msc.example.person import Occasion

Cells = dict[str, str]


def examine(stream: Stream, occasion: Occasion) -> dict[str, Cells]:
    """The cells of the forms that are designated to the visit, by form."""
    day = occasion.day.isoformat()
    vitals, results = _vitals(stream, occasion), laboratory(stream, occasion)
    grades = {f"bilag_{name}": grade for name, grade in bilag_grades(occasion.disease, occasion.level).items()}
    pga = f"{clip(2.3 * occasion.burden + stream.near(0, 0.15), 0.0, 3.0):.1f}"
    filled = {
        "vitals": {"vs_date": day, **vitals},
        "laboratory": results,
        "sledai": {"sledai_date": day, **_sledai(occasion, vitals, results)},
        "bilag": {"bilag_date": day, **grades},
        "pga": {"pga_date": day, "pga_score": pga},
        "flare": {"flare_date": day, "flare_class": occasion.flare},
        **_reported(stream, occasion, day),
    }
    return {form: cells for form, cells in filled.items() if form in occasion.event.forms}


def _vitals(stream: Stream, occasion: Occasion) -> Cells:
    person = occasion.person
    systolic = clip(stream.near(person.systolic, 7), 88, 190)
    temperature = stream.near(38.5, 0.1) if stream.chance(0.012) else clip(stream.near(36.7, 0.25), 35.8, 37.8)
    cells = {
        "vs_systolic": f"{systolic:.0f}",
        "vs_diastolic": f"{clip(systolic * 0.63 + stream.near(0, 4), 48, 115):.0f}",
        "vs_pulse": f"{clip(stream.near(person.pulse, 5), 48, 130):.0f}",
        "vs_temperature": f"{temperature:.1f}",
        "vs_weight": f"{person.weight + stream.near(0, 0.8) + 0.02 * occasion.week:.1f}",
    }
    if occasion.event is SCREENING:
        cells["vs_height"] = f"{person.height}"
    if occasion.event in (SCREENING, BASELINE) or occasion.event.name == "Week 1":
        cells["vs_respiration"] = f"{clip(stream.near(15, 1.5), 10, 24):.0f}"
        cells["vs_spo2"] = f"{clip(stream.near(98, 0.9), 93, 100):.0f}"
    return {field: or_missing(stream, occasion, value) for field, value in cells.items()}


def _sledai(occasion: Occasion, vitals: Cells, results: Cells) -> Cells:
    """The 24 items and their total; an item whose measurement is missing is missing, and with it the total."""
    c3, c4 = measured(results["lab_c3"]), measured(results["lab_c4"])
    from_measurements = {
        "low_complement": None if c3 is None or c4 is None else c3 < 90 or c4 < 10,
        "increased_dna_binding": _above(measured(results["lab_dsdna"]), 30),
        "proteinuria": _above(measured(results["lab_upcr"]), 500),
        "fever": _above(measured(vitals["vs_temperature"]), 38),
        "thrombocytopenia": _below(measured(results["lab_platelets"]), 100),
        "leukopenia": _below(measured(results["lab_leukocytes"]), 3),
    }
    present = {
        item: from_measurements.get(item.name, shows(occasion.disease, item.name, occasion.level)) for item in SLEDAI
    }
    cells = {item.field: "NASK" if yes is None else "1" if yes else "0" for item, yes in present.items()}
    complete = None not in present.values()
    return {**cells, "sledai_total": str(sum(item.weight for item, yes in present.items() if yes)) if complete else ""}


def _above(value: float | None, limit: float) -> bool | None:
    return None if value is None else value > limit


def _below(value: float | None, limit: float) -> bool | None:
    return None if value is None else value < limit


def _reported(stream: Stream, occasion: Occasion, day: str) -> dict[str, Cells]:
    """Totals and scores alone, within what each instrument allows."""
    burden = occasion.burden
    scores = (
        ("fatigue", "fatigue_date", "fatigue_total", f"{clip(stream.near(43 - 19 * burden, 4), 0, 52):.0f}"),
        ("pain", "pain_date", "pain_nrs", f"{clip(stream.near(1 + 5 * burden, 1.2), 0, 10):.0f}"),
        ("depression", "depression_date", "depression_total", f"{clip(stream.near(3 + 6 * burden, 2), 0, 27):.0f}"),
        ("quality_of_life", "qol_date", "qol_pcs", f"{clip(stream.near(50 - 14 * burden, 4), 15, 70):.1f}"),
    )
    return {
        form: {date_field: day, field: or_missing(stream, occasion, value)} for form, date_field, field, value in scores
    }

"""A simple model of lupus, enough to make the values of one visit agree with each other and with the last visit.

Activity starts at 1 and follows a course drawn per participant, whatever the arm. Each manifestation shows while the
activity is above a threshold of its own. Laboratory values follow the activity; the SLEDAI items that are defined by a
laboratory value are read from it. Nothing here is a result of the trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_msc.example.draw import Stream
from fhir_msc.example.instruments import BILAG_SYSTEMS, SLEDAI

_FREQUENCY = {
    "vasculitis": 0.05,
    "arthritis": 0.8,
    "myositis": 0.03,
    "urinary_casts": 0.04,
    "hematuria": 0.12,
    "pyuria": 0.09,
    "rash": 0.6,
    "alopecia": 0.35,
    "mucosal_ulcers": 0.3,
    "pleurisy": 0.1,
    "pericarditis": 0.03,
}
_ALWAYS_ENOUGH = ("arthritis", "rash")
"""Added to whoever would otherwise miss the SLEDAI of 6 that inclusion asks for."""

_WEIGHT = {item.name: item.weight for item in SLEDAI}

_SYSTEM = {
    "vasculitis": "mucocutaneous",
    "rash": "mucocutaneous",
    "alopecia": "mucocutaneous",
    "mucosal_ulcers": "mucocutaneous",
    "arthritis": "musculoskeletal",
    "myositis": "musculoskeletal",
    "pleurisy": "cardiorespiratory",
    "pericarditis": "cardiorespiratory",
    "urinary_casts": "renal",
    "hematuria": "renal",
    "pyuria": "renal",
}


@dataclass(frozen=True, slots=True)
class Disease:
    """The disease of one participant.

    ``severity`` and ``improvement`` are shares of 1; ``thresholds`` gives the activity above which a manifestation
    shows; ``serology`` and ``renal`` say how strongly complement, antibodies and urine protein follow the activity.
    """

    severity: float
    improvement: float
    thresholds: Mapping[str, float]
    serology: float
    renal: float


def draw_disease(stream: Stream, *, eligible: bool) -> Disease:
    """A disease active enough for inclusion, or (not ``eligible``) one that stays below it."""
    severity = stream.uniform(0.55, 1.0)
    improvement = stream.uniform(-0.1, 0.85)
    shown = {name: stream.uniform(0.1, 0.9) for name, share in _FREQUENCY.items() if stream.chance(share)}
    serology = stream.uniform(0.4, 1.0) if stream.chance(0.65) else 0.0
    renal = stream.uniform(0.5, 1.0) if stream.chance(0.22) else 0.0
    if not eligible:
        return Disease(0.5, improvement, {"rash": 0.3}, 0.0, 0.0)
    for name in _ALWAYS_ENOUGH:
        if sum(_WEIGHT[each] for each in shown) < 6:
            shown.setdefault(name, 0.6)
    return Disease(severity, improvement, shown, serology, renal)


def activity(disease: Disease, week: float, flare: str) -> float:
    """The activity at a week after the infusion, raised by a flare (SELENA-SLEDAI class 0, 1 or 2)."""
    fall = disease.improvement * min(week, 24.0) / 24.0
    back = 0.1 * max(week - 24.0, 0.0) / 28.0
    return max(1.0 - fall + back, 0.05) + {"0": 0.0, "1": 0.25, "2": 0.5}[flare]


def shows(disease: Disease, manifestation: str, level: float) -> bool:
    """Whether a clinical manifestation is there at that activity."""
    return disease.thresholds.get(manifestation, 9.0) < level


def bilag_grades(disease: Disease, level: float) -> dict[str, str]:
    """The grade of each BILAG system: A to C while active, D once it was, E if it never was."""
    grades = dict.fromkeys(BILAG_SYSTEMS, "E")
    for manifestation in disease.thresholds:
        system = _SYSTEM[manifestation]
        if shows(disease, manifestation, level):
            burden = level * disease.severity
            grade = "A" if burden > 0.92 else "B" if burden > 0.5 else "C"
            grades[system] = min(grades[system], grade)
        else:
            grades[system] = min(grades[system], "D")
    return grades

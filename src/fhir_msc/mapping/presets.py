"""Presets: what a kind of observation brings with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhir_msc.trial import Coding, Component, Concept, Quantity

_LOINC = "http://loinc.org"
_PROFILE = "http://hl7.org/fhir/StructureDefinition/"

CATEGORY: Mapping[str, str | None] = {
    "laboratory": "laboratory",
    "vital-signs": "vital-signs",
    "blood-pressure": "vital-signs",
    "survey": "survey",
    "exam": "exam",
    "finding": None,
}
"""R4 observation-category by preset."""

CATEGORIES = frozenset(
    [
        "social-history",
        "vital-signs",
        "imaging",
        "laboratory",
        "procedure",
        "survey",
        "exam",
        "therapy",
        "activity",
    ]
)
"""R4 observation-category."""

SCORE = Concept((Coding("pro-score", "item-score", "Score of an answer"),), "Score of an answer")
"""The part of an observation that says what number its words count for."""

_VITAL_SIGNS: Mapping[str, tuple[str, frozenset[str]]] = {
    "85354-9": ("bp", frozenset({"mm[Hg]"})),
    "29463-7": ("bodyweight", frozenset({"g", "kg", "[lb_av]"})),
    "8302-2": ("bodyheight", frozenset({"cm", "[in_i]"})),
    "8310-5": ("bodytemp", frozenset({"Cel", "[degF]"})),
    "8867-4": ("heartrate", frozenset({"/min"})),
    "9279-1": ("resprate", frozenset({"/min"})),
    "2708-6": ("oxygensat", frozenset({"%"})),
    "39156-5": ("bmi", frozenset({"kg/m2"})),
    "9843-4": ("headcircum", frozenset({"cm", "[in_i]"})),
}
"""R4's vital-signs profiles by the LOINC code they fix, with their units (R4 §10.1.1, observation-vitalsigns)."""

_WHOLE_DAY = 10

BLOOD_PRESSURE = Concept(
    (Coding(_LOINC, "85354-9", "Blood pressure panel with all children optional"),), "Blood pressure"
)


@dataclass(frozen=True, slots=True)
class VitalSign:
    """A vital-signs profile and the units it takes."""

    profiles: tuple[str, ...]
    units: frozenset[str]

    def claims(
        self, effective: str | None, value: Quantity | Concept | str | None, components: Sequence[Component]
    ) -> tuple[str, ...]:
        """The profile, where the observation has what it asks for: a time precise to the day (vs-1), numbers in its
        units. A vital sign without that is sent all the same, and claims nothing."""
        if effective is None or len(effective) < _WHOLE_DAY:
            return ()
        found = [part.value for part in components] or [value]
        if all(
            one is None or (isinstance(one, Quantity) and one.unit and one.unit.ucum in self.units) for one in found
        ):
            return self.profiles
        return ()


def vital_sign(preset: str, code: Concept) -> VitalSign | None:
    """The profile that a vital sign of this code can claim."""
    if CATEGORY[preset] != "vital-signs":
        return None
    for coding in code.codings:
        if coding.system == _LOINC and coding.code in _VITAL_SIGNS:
            name, units = _VITAL_SIGNS[coding.code]
            return VitalSign((_PROFILE + name,), units)
    return None

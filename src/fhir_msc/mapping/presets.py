"""Presets: what a kind of observation brings with it."""

from __future__ import annotations

from fhir_msc.trial import Coding, Concept

_LOINC = "http://loinc.org"
_PROFILE = "http://hl7.org/fhir/StructureDefinition/"

CATEGORY = {
    "laboratory": "laboratory",
    "vital-signs": "vital-signs",
    "blood-pressure": "vital-signs",
    "survey": "survey",
    "exam": "exam",
}
"""R4 observation-category by preset."""

PROFILES = {
    "85354-9": "bp",
    "29463-7": "bodyweight",
    "8302-2": "bodyheight",
    "8310-5": "bodytemp",
    "8867-4": "heartrate",
    "9279-1": "resprate",
    "2708-6": "oxygensat",
    "39156-5": "bmi",
    "9843-4": "headcircum",
}
"""R4's vital-signs profiles by the LOINC code they fix (R4 §10.1.1, observation-vitalsigns)."""

BLOOD_PRESSURE = Concept(
    (Coding(_LOINC, "85354-9", "Blood pressure panel with all children optional"),), "Blood pressure"
)


def profiles(preset: str, code: Concept) -> tuple[str, ...]:
    """The profiles that a vital sign of this code claims."""
    if CATEGORY[preset] != "vital-signs":
        return ()
    for coding in code.codings:
        if coding.system == _LOINC and coding.code in PROFILES:
            return (_PROFILE + PROFILES[coding.code],)
    return ()

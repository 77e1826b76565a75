"""Short names of code systems, as packs write them. Others are URIs, or relative to the project's namespace."""

from __future__ import annotations

from fhir_msc.trial import Coding

SYSTEMS = {
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ncit": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "interpretation": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
    "data-absent-reason": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
}


def coding(text: str) -> Coding:
    """``loinc|1751-7|Albumin`` as a coding. Raises ValueError where system or code lacks."""
    system, _, rest = text.partition("|")
    code, _, display = rest.partition("|")
    if not system or not code:
        raise ValueError("a concept is written as system|code or system|code|display")
    return Coding(SYSTEMS.get(system, system), code, display or None)

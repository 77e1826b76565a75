"""Why the two verdicts differ, where they do: which side is right by the text of the specification, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.agreement.comparison import Comparison


@dataclass(frozen=True, slots=True)
class Reason:
    """``pattern`` is looked for in the engine's ``place: message``, or in our ``rule place: message``."""

    pattern: str
    right: str
    why: str


ENGINE_ALONE = (
    Reason(
        "has not been checked because it could not be found|Failed to retrieve profile",
        "neither",
        "A profile that neither side has. R4 asks nothing of who does not know it (profiling.html#resources: a resource"
        " is marked, and may be rejected by who requires the profile).",
    ),
    Reason(
        "#null'",
        "we",
        "A coding without a code: `Coding.code` is 0..1, and a system alone is allowed (datatypes.html#Coding).",
    ),
    Reason(
        "CodeSystem is unknown and can't be validated: http://loinc.org",
        "we",
        "The required value set names this code of LOINC (valueset.html#compositions). The engine, which has no LOINC,"
        " cannot say that it is one.",
    ),
    Reason(
        "HL7 Implementation Guides must state",
        "we",
        "A rule of HL7's publication process for its own guides; R4 does not have it.",
    ),
    Reason(
        "No CQL Libraries found",
        "we",
        "`Measure.library` is 0..*, and R4 has no invariant that asks for one (measure.html).",
    ),
    Reason(
        "is not valid base64: Illegal base64 character 20",
        "we",
        "R4's expression for base64Binary allows white space between groups (datatypes.html#base64Binary).",
    ),
    Reason(
        "DCM#",
        "we",
        "DICOM adds codes to DCM with each edition: the list in R4 is its state of one day, and no reason to reject.",
    ),
    Reason(
        "is not in valueset: http://hl7.org/fhir/ValueSet/languages",
        "neither",
        "Languages are those of BCP 47, and the tag has its form. The engine takes the list of common languages for all"
        " of them; the registry is no part of R4 (valueset-all-languages.html).",
    ),
    Reason(
        "HAPI-0676",
        "we",
        "The engine fails where a Quantity without a value is compared, and takes that for a constraint that does not"
        " hold. R4 does not say what such a comparison gives.",
    ),
    Reason(
        "Constraint failed: ",
        "the engine",
        "An invariant of a type that is not covered here yet.",
    ),
)
"""Where the engine alone rejects."""

OURS_ALONE: tuple[Reason, ...] = (
    Reason(
        "MSC-UNIT-UCUM",
        "we",
        "A code with UCUM's system is one of UCUM. The engine looks at Quantity alone, and passes over Age and"
        " Duration, which are Quantities (datatypes.html#Quantity, age-1, drt-1).",
    ),
    Reason(
        "MSC-FHIR-REFERENCE-TARGET",
        "we",
        "The definition of the element does not allow that type of target (references.html#literal). Without a server"
        " to ask the engine does not look.",
    ),
    Reason(
        "MSC-FHIR-REFERENCE-FORMAT",
        "we",
        "A relative reference is a resource type of R4 and an id (references.html#literal). Without a server to ask the"
        " engine does not look.",
    ),
    Reason(
        "MSC-FHIR-TYPE-(STRING|MARKDOWN|URI|CODE)",
        "we",
        "Text has no characters below U+0020 but tab, line feed and carriage return (datatypes.html#string).",
    ),
    Reason(
        "MSC-FHIR-SYSTEM",
        "we",
        "A system is an absolute URI (datatypes.html#Coding). The engine says so, too, but only where the element is"
        " bound to a value set that it knows.",
    ),
    Reason(
        "MSC-FHIR-STRUCTURE-EMPTY",
        "we",
        "An array cannot be empty (json.html). The engine says so, too, but not here.",
    ),
    Reason(
        "MSC-CONSENT-PATIENT",
        "we",
        "ppc-2 to ppc-5 ask for the patient by the scope, and name a code system that does not exist; what they mean is"
        " plain from their text (consent.html).",
    ),
)
"""Where we alone reject."""

CASES = {
    "contained-resource-bad-id-ignore": "An option of the suite: contained resources are passed over. The id has 65"
    " characters; R4 allows 64.",
    "vs-params-1": "The suite knows the extensions of HL7's package of tools, which is not given here; unknown"
    " extensions are refused.",
}
"""Why our verdict on a case of HL7's suite is not the one that the suite expects."""


def reason_of(comparison: Comparison) -> Reason | None:
    """The reason of a difference, if there is one for every error of the side that rejects."""
    if comparison.engine.errors:
        found = [f"{e.location}: {e.message}" for e in comparison.engine.errors]
        return _covering(ENGINE_ALONE, found)
    return _covering(OURS_ALONE, [f"{f.rule} {f.path}: {f.message}" for f in comparison.ours])


def _covering(reasons: Iterable[Reason], texts: Iterable[str]) -> Reason | None:
    """The reason of the first text, if each has one."""
    each = [next((reason for reason in reasons if re.search(reason.pattern, text)), None) for text in texts]
    return each[0] if each and None not in each else None

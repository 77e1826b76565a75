"""Documents with one thing broken, in the eight ways in which what is sent really goes wrong."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from random import Random
from typing import Any

from tests.unit.validation.mutants import WRONG_DATES, places

Json = dict[str, Any]
Path = tuple[Any, ...]
Place = tuple[Path, Any]

UCUM = "http://unitsofmeasure.org"
IPS = "http://hl7.org/fhir/uv/ips/StructureDefinition/"
R4 = "http://hl7.org/fhir/StructureDefinition/"
OTHER_TYPES: list[object] = [0, -1, 1.5, True, None, [], {}, [[]], ["x"], {"x": "x"}, "7", "x y"]
WRONG_UNITS = ["month", "ea", "mEq", "IU/L", "cells", "mmHg", "MG", "x10^9/L", "%%", "mg/", "kilogram", "", 7]
WRONG_CODES = ["bogus", "Final", "FINAL", "final ", "", "unknown-code", "entered in error", "final|2", 1, True]
WRONG_REFERENCES = [
    "#nowhere",
    "urn:uuid:1",
    "urn:oid:1.2.x",
    "Patient/a b",
    "Patient/1 ",
    " Patient/1",
    "",
    " ",
    1,
    ["Patient/1"],
]
"""What is no reference whatever the server holds."""
LOOSE_REFERENCES = ["Patient", "Nothing/1", "Organisation/1", "Binary/1"]
"""What leads to no resource of R4, or to no type that is allowed there: without a server the engine does not look."""
CODED = re.compile(r"code|status|gender|use|intent|kind|priority|mode|comparator|severity|criticality").fullmatch
DATED = re.compile(r"[0-9]{4}-[0-9]{2}").match


def _holder(document: Json, path: Path) -> Any:
    node: Any = document
    for key in path[:-1]:
        node = node[key]
    return node


def _all(document: Json) -> list[Place]:
    return [place for place in places(document) if place[0][-1] != "resourceType"]


def _set(document: Json, path: Path, value: object) -> None:
    _holder(document, path)[path[-1]] = value


def _drop(document: Json, place: Place, random: Random) -> None:
    del _holder(document, place[0])[place[0][-1]]


def _duplicate(document: Json, place: Place, random: Random) -> None:
    """An item twice; what may stand once as two; a choice in two types."""
    path, value = place
    holder, key = _holder(document, path), path[-1]
    if isinstance(holder, list):
        holder.append(copy.deepcopy(value))
    elif choice := re.match("value|effective|onset|deceased|medication|occurrence|performed", str(key)):
        holder[f"{choice[0]}{random.choice(['Boolean', 'DateTime', 'String', 'Period'])}"] = True
    else:
        holder[key] = [value, copy.deepcopy(value)]


def _retype(document: Json, place: Place, random: Random) -> None:
    _set(document, place[0], random.choice([other for other in OTHER_TYPES if type(other) is not type(place[1])]))


def _code(document: Json, place: Place, random: Random) -> None:
    value = place[1]
    _set(document, place[0], random.choice([*WRONG_CODES, value.upper(), f"{value}x", value[:-1]]))


def _date(document: Json, place: Place, random: Random) -> None:
    value = place[1]
    _set(document, place[0], random.choice([*WRONG_DATES, f"{value}x", value[:-1], value.replace("-", "/"), "1850"]))


def _reference(document: Json, place: Place, random: Random) -> None:
    _set(document, place[0], random.choice(WRONG_REFERENCES))


def _loose_reference(document: Json, place: Place, random: Random) -> None:
    _set(document, place[0], random.choice(LOOSE_REFERENCES))


def _control(document: Json, place: Place, random: Random) -> None:
    _set(document, place[0], f"{place[1]}\0")


def _relative_system(document: Json, place: Place, random: Random) -> None:
    _set(document, place[0], random.choice(["bogus", "loinc", "sct/1"]))


def _unit(document: Json, place: Place, random: Random) -> None:
    """The unit itself, its system, or the number before it."""
    quantity = place[1]
    change = random.choice(["code", "code", "system", "value", "unit"])
    wrong: dict[str, list[object]] = {
        "code": list(WRONG_UNITS),
        "system": ["ucum", "http://unitsofmeasure.org/", "", None],
        "value": ["7", "<7", None, [7], True],
        "unit": ["", 7, None, {"text": "mg"}],
    }
    quantity[change] = random.choice(wrong[change])


def _nest(document: Json, place: Place, random: Random) -> None:
    """A member below another object, an array around or off, a level too many or too few."""
    path, value = place
    holder, key = _holder(document, path), path[-1]
    way = random.choice(["move", "wrap", "unwrap", "level"])
    if way == "move" and isinstance(holder, dict):
        del holder[key]
        random.choice([document, *(other for _, other in places(document) if isinstance(other, dict))])[key] = value
    elif way == "unwrap" and isinstance(value, (list, dict)) and value:
        holder[key] = value[0] if isinstance(value, list) else next(iter(value.values()))
    elif way == "wrap":
        holder[key] = [value]
    else:
        holder[key] = {str(key): value}


def _anywhere(document: Json) -> list[Place]:
    return _all(document)


def _codes(document: Json) -> list[Place]:
    return [(p, v) for p, v in _all(document) if isinstance(v, str) and v and CODED(str(p[-1]))]


def _dates(document: Json) -> list[Place]:
    return [(p, v) for p, v in _all(document) if isinstance(v, str) and DATED(v)]


def _references(document: Json) -> list[Place]:
    return [(p, v) for p, v in _all(document) if p[-1] == "reference" and isinstance(v, str)]


def _texts(document: Json) -> list[Place]:
    return [(p, v) for p, v in _all(document) if isinstance(v, str) and p[-1] in ("text", "display", "description")]


def _systems(document: Json) -> list[Place]:
    return [(p, v) for p, v in _all(document) if p[-1] == "system" and p[-3:-2] == ("coding",) and isinstance(v, str)]


def _quantities(document: Json) -> list[Place]:
    return [(p, v) for p, v in _all(document) if isinstance(v, dict) and v.get("system") == UCUM]


KINDS: dict[str, tuple[Callable[[Json], list[Place]], Callable[[Json, Place, Random], None]]] = {
    "drop": (_anywhere, _drop),
    "duplicate": (_anywhere, _duplicate),
    "retype": (_anywhere, _retype),
    "wrong code": (_codes, _code),
    "broken date": (_dates, _date),
    "broken reference": (_references, _reference),
    "broken unit": (_quantities, _unit),
    "wrong nesting": (_anywhere, _nest),
}
"""Each kind: the places where it may happen, and what happens there."""


UNHEEDED: dict[str, tuple[Callable[[Json], list[Place]], Callable[[Json, Place, Random], None]]] = {
    "loose reference": (_references, _loose_reference),
    "control character": (_texts, _control),
    "relative system": (_systems, _relative_system),
}
"""What R4 does not allow, and the engine for the most part does not look at."""


CLAIMED: dict[str, tuple[str, ...]] = {
    "Observation": (
        *(f"{IPS}Observation-{name}-uv-ips" for name in ("alcoholuse", "tobaccouse", "pregnancy-edd")),
        *(f"{IPS}Observation-pregnancy-{name}-uv-ips" for name in ("outcome", "status")),
        *(f"{IPS}Observation-results-{name}-uv-ips" for name in ("laboratory-pathology", "radiology")),
        *(f"{R4}{name}" for name in ("vitalsigns", "bp", "bodyweight", "triglyceride", "cholesterol", "bmi")),
    ),
    "Device": (f"{IPS}Device-uv-ips", f"{IPS}Device-observer-uv-ips", f"{R4}Device"),
    "DiagnosticReport": (f"{IPS}DiagnosticReport-uv-ips", f"{R4}lipidprofile", f"{R4}hlaresult"),
    "Patient": (f"{IPS}Patient-uv-ips", f"{R4}Patient", f"{R4}bp"),
    "Bundle": (f"{IPS}Bundle-uv-ips", f"{R4}Bundle"),
}
"""Profiles of a type, and of others, of which a document may claim one that it does not meet."""


def _claims(document: Json) -> list[Place]:
    claims = document["resourceType"] in CLAIMED and "profile" in document.get("meta", {})
    return [(("meta", "profile"), None)] if claims else []


def _claim(document: Json, place: Place, random: Random) -> None:
    document["meta"]["profile"] = [random.choice(CLAIMED[document["resourceType"]])]


OF_PROFILES: dict[str, tuple[Callable[[Json], list[Place]], Callable[[Json, Place, Random], None]]] = {
    "drop": (_anywhere, _drop),
    "duplicate": (_anywhere, _duplicate),
    "wrong code": (_codes, _code),
    "another claim": (_claims, _claim),
}
"""What profiles speak of: numbers, codes, which profile it is, what a reference may point to."""


def mutant(document: Json, kind: str, random: Random) -> Json | None:
    """A copy with one change of that kind; ``None`` where the document has no place for it, or nothing changed."""
    where, change = KINDS.get(kind) or UNHEEDED.get(kind) or OF_PROFILES[kind]
    changed = copy.deepcopy(document)
    found = where(changed)
    if not found:
        return None
    change(changed, random.choice(found), random)
    return None if changed == document else changed

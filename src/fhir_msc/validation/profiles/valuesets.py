"""The codes of a value set that a package defines, as far as the package and R4 hold them.

http://hl7.org/fhir/R4/valueset.html#compositions. What is chosen by another filter than ``is-a`` and ``descendent-of``,
or from a code system that is not here whole, is not known; then neither is the value set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from fhir_msc.validation.definitions import codes_below, codes_of_system
from fhir_msc.validation.profiles.definition import Json

Codes: TypeAlias = Mapping[str, frozenset[str]]
Lookup: TypeAlias = Callable[[str], Codes | None]


def expanded(value_set: Json, systems: Mapping[str, Json], codes: Lookup) -> Codes | None:
    """The codes by system, ``None`` where they are not all known. ``codes`` gives those of other value sets."""
    compose = value_set.get("compose")
    if not isinstance(compose, dict):
        return _of_expansion(value_set.get("expansion"))
    found: dict[str, frozenset[str]] = {}
    for part in _objects(compose.get("include")):
        included = _part(part, systems, codes)
        if included is None:
            return _of_expansion(value_set.get("expansion"))
        for system, some in included.items():
            found[system] = found.get(system, frozenset()) | some
    for part in _objects(compose.get("exclude")):
        excluded = _part(part, systems, codes)
        if excluded is None:
            return None
        found = {system: some - excluded.get(system, frozenset()) for system, some in found.items()}
    return found


def _part(part: Json, systems: Mapping[str, Json], codes: Lookup) -> Codes | None:
    """What one include or exclude names: the codes of its system that are in all of its value sets."""
    system = part.get("system")
    sets = part.get("valueSet")
    of_sets = [codes(str(url).split("|")[0]) for url in sets] if isinstance(sets, list) else []
    chosen = _of_system(system, part, systems) if isinstance(system, str) else None
    if None in of_sets or (isinstance(system, str) and chosen is None):
        return None
    known = [one for one in of_sets if one is not None]
    if isinstance(system, str) and chosen is not None:
        known.append({system: chosen})
    if not known:
        return None
    first, *others = known
    return {
        name: frozenset.intersection(some, *(other.get(name, frozenset()) for other in others))
        for name, some in first.items()
    }


def _of_system(system: str, part: Json, systems: Mapping[str, Json]) -> frozenset[str] | None:
    concepts = part.get("concept")
    if isinstance(concepts, list):
        return frozenset(str(one["code"]) for one in _objects(concepts) if "code" in one)
    document = systems.get(system.split("|")[0])
    if document is None:
        codes, below = codes_of_system(system), codes_below(system)
    else:
        whole = document.get("content") == "complete"
        codes = frozenset(_concepts(document.get("concept"))) if whole else None
        below = dict(_children(document.get("concept")))
    for one in _objects(part.get("filter")):
        if codes is None or one.get("property") != "concept" or one.get("op") not in ("is-a", "descendent-of"):
            return None
        top = str(one.get("value"))
        codes &= _descendants(top, below) | ({top} if one.get("op") == "is-a" else frozenset())
    return codes


def _descendants(code: str, below: Mapping[str, Sequence[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = [code]
    while waiting:
        new = set(below.get(waiting.pop(), ())) - found
        found |= new
        waiting.extend(new)
    return frozenset(found)


def _children(concepts: object) -> Iterator[tuple[str, list[str]]]:
    for one in _objects(concepts):
        yield str(one.get("code")), [str(child.get("code")) for child in _objects(one.get("concept"))]
        yield from _children(one.get("concept"))


def _of_expansion(expansion: object) -> Codes | None:
    """The codes of an expansion that is whole."""
    if not isinstance(expansion, dict) or "contains" not in expansion:
        return None
    found: dict[str, set[str]] = {}
    count = 0
    waiting = list(_objects(expansion["contains"]))
    while waiting:
        one = waiting.pop()
        waiting.extend(_objects(one.get("contains")))
        count += 1
        if one.get("abstract") is not True and "code" in one:
            found.setdefault(str(one.get("system")), set()).add(str(one["code"]))
    total = expansion.get("total")
    if expansion.get("offset") or (isinstance(total, int) and total > count):
        return None
    return {system: frozenset(some) for system, some in found.items()}


def _concepts(concepts: object) -> Iterator[str]:
    for one in _objects(concepts):
        yield str(one.get("code"))
        yield from _concepts(one.get("concept"))


def _objects(value: object) -> Iterator[Json]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            yield one

"""ConceptMap: what a group maps from and to are codes of its systems (http://hl7.org/fhir/R4/conceptmap.html)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_msc.validation.definitions import is_unknown_code
from fhir_msc.validation.objects import Node
from fhir_msc.validation.problems import CODE, Problem, shown


def concept_map_problems(concept_map: Node) -> list[Problem]:
    """Codes that are not in a system that R4 holds whole; a system with a version is not looked at."""
    problems: list[Problem] = []
    for place, group in _items(concept_map, "group"):
        source, target = _system(group, "source"), _system(group, "target")
        for at, element in _items(group, "element"):
            problems += _problems(element, source, f"{place}.{at}")
            for to, mapped in _items(element, "target"):
                problems += _problems(mapped, target, f"{place}.{at}.{to}")
    return problems


def _system(group: Node, name: str) -> str | None:
    system = group.get(name)
    return system if isinstance(system, str) and f"{name}Version" not in group else None


def _problems(part: Node, system: str | None, path: str) -> Iterator[Problem]:
    code = part.get("code")
    if system is not None and isinstance(code, str) and is_unknown_code(system, code):
        message = "the code is not in the code system of the group, which R4 holds whole"
        yield Problem(CODE, message, path=f"{path}.code", value=shown(code))


def _items(node: Node, name: str) -> Iterator[tuple[str, Node]]:
    items = node.get(name)
    for index, item in enumerate(items if isinstance(items, (list, tuple)) else ()):
        if isinstance(item, dict):
            yield f"{name}[{index}]", item

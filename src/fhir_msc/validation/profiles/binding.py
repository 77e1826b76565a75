"""Bindings of a profile, where the value set is closed and all of its codes are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fhir_msc.findings import Severity
from fhir_msc.validation.problems import Problem
from fhir_msc.validation.profiles.items import Item
from fhir_msc.validation.profiles.notes import unchecked

if TYPE_CHECKING:
    from fhir_msc.validation.profiles.checks import Check


def binding_problem(check: Check, binding: tuple[str, str], item: Item) -> Iterator[Problem]:
    """A code outside a required value set is an error, outside an extensible one a warning."""
    strength, value_set = binding
    if strength not in ("required", "extensible"):
        return
    coded = _codings(item)
    if coded is None:
        return
    codes = check.profiles.codes(value_set)
    if codes is None:
        if strength == "required":
            yield unchecked(f"the codes of the value set {value_set} are not all known here")
        return
    of_any = frozenset().union(*codes.values()) if codes else frozenset()
    if any(code in (of_any if system is None else codes.get(system, frozenset())) for system, code in coded):
        return
    if strength == "required":
        yield check.problem(f"no code of the required value set {value_set}", value=_first(coded))
    elif coded:
        yield Problem(
            check.rule,
            f"{check.says}: no code of the extensible value set {value_set}",
            value=_first(coded),
            hint="right only where none of its codes fits",
            severity=Severity.WARNING,
        )


def _codings(item: Item) -> list[tuple[str | None, str]] | None:
    """The codes with their systems, none for a code alone; ``None`` for what has no codes."""
    value = item.value
    if isinstance(value, str):
        return [(None, value)]
    if not isinstance(value, dict):
        return None
    if item.kind == "CodeableConcept":
        found = value.get("coding")
        codings = found if isinstance(found, (list, tuple)) else ()
        return [pair for one in codings if isinstance(one, dict) for pair in _pair(one)]
    return list(_pair(value)) if item.kind in ("Coding", "Quantity") else None


def _pair(coding: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    code = coding.get("code")
    if isinstance(code, str):
        yield str(coding.get("system") or ""), code


def _first(coded: list[tuple[str | None, str]]) -> str | None:
    return coded[0][1] if coded else None

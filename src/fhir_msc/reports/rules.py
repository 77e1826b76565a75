"""The rules as ``docs/rules.md`` lists them, which comes with the package: the one place where they are described."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from fhir_msc.errors import UsageError

_ROW = re.compile(r"\| `(MSC-[A-Z0-9-]+?)(-…)?` \| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \|")
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id, what a finding of it is (``error``), what it says, what to do, and where the rule comes from.

    The id of a ``family`` is the beginning of its members' (``MSC-FHIR-INVARIANT``, which go on with a hyphen).
    """

    id: str
    family: bool
    severity: str
    says: str
    remedy: str
    source: str

    def covers(self, rule: str) -> bool:
        """Whether it is the rule of that id, or the family that it is of."""
        return rule.startswith(f"{self.id}-") if self.family else rule == self.id


@cache
def known_rules() -> tuple[Rule, ...]:
    """Every rule there is, in the order of the page."""
    found: list[Rule] = []
    for section in _page().split("\n## ")[1:]:
        source = re.search(r"^Source: (.+?)$(?:\n\n|\Z)", section, re.M | re.S)
        words = " ".join(source[1].split()) if source else ""
        for name, family, severity, says, remedy in _ROW.findall(section):
            found.append(Rule(name, bool(family), severity, says, remedy, words))
    return tuple(found)


def rule_named(name: str) -> Rule:
    """The rule of that id, or the family that it is of. Raises UsageError with the nearest id."""
    wanted = name.upper().removesuffix("-…")
    rule = rule_of(wanted) or next((one for one in known_rules() if one.id == wanted), None)
    if rule is None:
        raise _unknown(name)
    return rule


def rule_of(rule: str) -> Rule | None:
    """How the rule of that id is described; ``None`` for one of an integrator's own."""
    return next((one for one in known_rules() if one.covers(rule)), None)


def refuse_unknown(patterns: tuple[str, ...]) -> None:
    """Raises UsageError for a pattern that can match no rule: a misspelt one would hide all findings, or none."""
    for pattern in patterns:
        begin = _WILD.split(pattern)[0]
        whole = begin == pattern
        for rule in known_rules():
            if rule.covers(pattern) or (not whole and _may_begin(rule, begin)):
                break
        else:
            raise _unknown(pattern)


def _may_begin(rule: Rule, begin: str) -> bool:
    return rule.id.startswith(begin) or (rule.family and begin.startswith(f"{rule.id}-"))


def _unknown(name: str) -> UsageError:
    near = get_close_matches(name.upper(), [rule.id for rule in known_rules()], 1)
    hint = f"the nearest is {near[0]}" if near else "docs/rules.md lists them"
    return UsageError(f"there is no rule {name}", hint=hint)


def _page() -> str:
    shipped = Path(__file__).parents[1] / "_shipped" / "rules.md"
    path = shipped if shipped.is_file() else Path(__file__).parents[3] / "docs" / "rules.md"
    return path.read_text("utf-8")

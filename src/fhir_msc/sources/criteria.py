"""Eligibility criteria as ClinicalTrials.gov prints them: one Markdown text, divided into criteria.

What is not an item of a list under a heading of inclusion or exclusion is no criterion that anybody could be held to (a
remark at the end, a paragraph between items): it is given back as left over, and stands in the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fhir_msc.trial import Criterion

_HEADING = re.compile(r"[#*_ ]*(?:[\w/,()]+ ){0,3}?(inclusion|exclusion)(?: criteria)?(?: \([^)]*\))?[ :*_]*", re.I)
_ITEM = re.compile(r"(\s*)(?:[*•+]\s+|[•-](?=\S)|-\s+|\d{1,3}[.)]\s+)(?=\S)")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


class Divided(NamedTuple):
    """The criteria in their order, and the paragraphs that are none."""

    criteria: tuple[Criterion, ...]
    left_over: tuple[str, ...]


def unescaped(markdown: str) -> str:
    r"""The text for display, without Markdown's escapes (``\\[``, ``\\<``, ``10\\^6``; CommonMark 2.4)."""
    return _ESCAPE.sub(r"\1", markdown)


def divided(markdown: str) -> Divided:
    """The text divided into criteria, numbered as they come (I1, I2, E1). Where a section has no list, each of its
    paragraphs is a criterion. What stands deeper in a list belongs to the item above it."""
    criteria: list[Criterion] = []
    left_over: list[str] = []
    for inclusion, lines in _sections(markdown):
        items, paragraphs = _items(lines)
        if inclusion is None:
            left_over += [*items, *paragraphs]
            continue
        if items:
            left_over += paragraphs
        for number, text in enumerate(items or paragraphs, 1):
            identifier = f"{'I' if inclusion else 'E'}{number}"
            criteria.append(Criterion(unescaped(text), inclusion, identifier))
    return Divided(tuple(criteria), tuple(map(unescaped, left_over)))


def _sections(markdown: str) -> Iterator[tuple[bool | None, list[str]]]:
    """The lines under each heading; of those before the first nobody knows what they are. A second heading of a kind
    goes on with the first's numbers."""
    sections: dict[bool | None, list[str]] = {None: []}
    inclusion: bool | None = None
    for line in markdown.splitlines():
        heading = None if _ITEM.match(line) else _HEADING.fullmatch(line.strip())
        if heading is not None:
            inclusion = heading[1].lower() == "inclusion"
            sections.setdefault(inclusion, [])
        else:
            sections[inclusion].append(line)
    yield from sections.items()


def _items(lines: list[str]) -> tuple[list[str], list[str]]:
    """The items of the list, and the paragraphs beside them."""
    items: list[list[str]] = []
    paragraphs: list[list[str]] = []
    depth: int | None = None
    current: list[str] | None = None
    for line in lines:
        if not line.strip():
            # A blank line ends a paragraph; an item goes on only with what is indented below it.
            current = None
            continue
        match = _ITEM.match(line)
        indent = len(line) - len(line.lstrip())
        if match is not None and (depth is None or len(match[1]) <= depth):
            depth = len(match[1])
            current = [_bare(line[match.end() :])]
            items.append(current)
        elif items and indent > (depth or 0):
            items[-1].append(line.strip())
        elif current is not None:
            current.append(line.strip())
        else:
            current = [line.strip()]
            paragraphs.append(current)
    return ["\n".join(item) for item in items], ["\n".join(one) for one in paragraphs]


def _bare(text: str) -> str:
    # A dash at the end begins nothing: somebody wrote the list on one line.
    return text.strip().removesuffix(" -").rstrip()

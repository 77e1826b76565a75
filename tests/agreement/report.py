"""What the comparison found, as a page of Markdown and as lines for the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from tests.agreement.comparison import Comparison, said
from tests.agreement.reasons import CASES, Reason, reason_of


@dataclass(frozen=True, slots=True)
class Part:
    """One set of documents: what they are, how they were compared, and the shares that are aimed at."""

    name: str
    title: str
    what: str
    comparisons: tuple[Comparison, ...]
    aim: float
    failed: int = 0
    """On how many more documents the engine itself failed: it gave no verdict to compare."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A share with its aim."""

    what: str
    count: int
    of: int
    aim: float

    @property
    def met(self) -> bool:
        """Whether it reaches the aim."""
        return self.count >= self.aim * self.of

    def cells(self) -> str:
        """The row of a table."""
        share = f"{self.count / self.of:.2%}" if self.of else ""
        aim, verdict = (f"{self.aim:.0%}", "met" if self.met else "missed") if self.aim else ("", "")
        return f"| {self.what} | {self.count:,} of {self.of:,} | {share} | {aim} | {verdict} |"


def figures(parts: Sequence[Part]) -> list[Figure]:
    """The shares of all parts, and of the elements over all that both reject."""
    found = [
        Figure(f"{part.title}: same verdict", sum(c.same for c in part.comparisons), len(part.comparisons), part.aim)
        for part in parts
    ]
    both = [c for part in parts for c in part.comparisons if c.comparable]
    same = sum(c.same_element() for c in both)
    return [*found, Figure("Rejected by both: an error at the same element", same, len(both), 0.95)]


def suite_figures(comparisons: Sequence[Comparison], aim: int) -> list[Figure]:
    """How often either side says what HL7's suite expects."""
    ours = sum((not c.ours) == c.document.valid for c in comparisons)
    engine = sum((not c.engine.errors) == c.document.valid for c in comparisons)
    return [
        Figure("HL7's cases: our verdict is the one expected", ours, len(comparisons), aim / len(comparisons)),
        Figure("HL7's cases: the engine's verdict, without network, is", engine, len(comparisons), 0.0),
    ]


def unexplained(parts: Sequence[Part]) -> list[Comparison]:
    """The differences for which no reason stands."""
    return [c for part in parts for c in part.comparisons if not c.same and reason_of(c) is None]


def page(parts: Sequence[Part], suite: Part, aim: int, day: date, engine: str) -> str:
    """The whole as Markdown."""
    lines = [
        "# Agreement with HL7's engine",
        "",
        "Written by `make agreement`. The verdict of `validate` on a document (an error rejects it) beside that of",
        f"HL7's own Java engine ({engine}, R4, no network; `tests/hapi/engine`). What the engine said is kept",
        "under `build/agreement` by the SHA-256 of the document: the first run takes up to an hour,",
        "a second one a minute or two.",
        "",
        f"Measured on {day.isoformat()}.",
        "",
        "| what | documents | share | aim | |",
        "| --- | --- | --- | --- | --- |",
        *(one.cells() for one in figures(parts)),
        *(one.cells() for one in suite_figures(suite.comparisons, aim)),
    ]
    for part in parts:
        lines += ["", f"## {part.title}", "", part.what, "", f"    python -m tests.agreement --only {part.name}", ""]
        lines += _counts(part)
        lines += _differences(part)
    lines += ["", f"## {suite.title}", "", suite.what, "", f"    python -m tests.agreement --only {suite.name}", ""]
    lines += _missed(suite)
    return "\n".join(lines) + "\n"


def _counts(part: Part) -> list[str]:
    engine = sum(bool(c.engine.errors) for c in part.comparisons)
    ours = sum(bool(c.ours) for c in part.comparisons)
    both = [c for c in part.comparisons if c.comparable]
    same, every = sum(c.same_element() for c in both), sum(c.every_element() for c in both)
    lines = [
        f"Documents: {len(part.comparisons):,}. Rejected by the engine: {engine:,}, by us: {ours:,}. By both,"
        f" the engine naming an element: {len(both):,}; an error of ours stands at one of them in {same:,}, at"
        f" each of them in {every:,}.",
    ]
    return [*lines, f"On {part.failed:,} more the engine itself failed."] if part.failed else lines


def _differences(part: Part) -> list[str]:
    grouped: dict[Reason | None, list[Comparison]] = {}
    for comparison in part.comparisons:
        if not comparison.same:
            grouped.setdefault(reason_of(comparison), []).append(comparison)
    if not grouped:
        return ["", "No difference."]
    lines = ["", "| document | rejected by | with | right | why |", "| --- | --- | --- | --- | --- |"]
    for reason, comparisons in sorted(grouped.items(), key=lambda pair: (-len(pair[1]), str(pair[0]))):
        right, why = (reason.right, reason.why) if reason else ("not known", "not known")
        shown = comparisons if part.aim else comparisons[:1]
        more = "" if len(shown) == len(comparisons) else f" and {len(comparisons) - 1} more"
        lines += [f"| {c.document.name}{more} | {_who(c)} | {_said(c)} | {right} | {why} |" for c in shown]
    elsewhere = [c for c in part.comparisons if c.comparable and not c.same_element()]
    if elsewhere:
        lines += [
            "",
            "Rejected by both, at other elements:",
            "",
            "| document | the engine | we |",
            "| --- | --- | --- |",
        ]
        lines += [f"| {c.document.name} | {_cell(said(c.engine.errors))} | {_ours(c)} |" for c in elsewhere]
    return lines


def _missed(suite: Part) -> list[str]:
    lines = ["| case | expected | we say | the engine says | why |", "| --- | --- | --- | --- | --- |"]
    for c in suite.comparisons:
        if (not c.ours) != c.document.valid:
            expected = "valid" if c.document.valid else "invalid"
            engine = _cell(said(c.engine.errors)) or "valid"
            why = CASES.get(c.document.name, "not known")
            lines.append(f"| {c.document.name} | {expected} | {_ours(c) or 'valid'} | {engine} | {why} |")
    return lines


def _who(comparison: Comparison) -> str:
    return "the engine" if comparison.engine.errors else "us"


def _said(comparison: Comparison) -> str:
    return _cell(said(comparison.engine.errors)) if comparison.engine.errors else _ours(comparison)


def _ours(comparison: Comparison) -> str:
    return _cell(f"{comparison.ours[0].path}: {comparison.ours[0].message}") if comparison.ours else ""


def _cell(text: str) -> str:
    """Text for a cell of a table: no bars, no markup, not long."""
    plain = re.sub(r"\s+", " ", text.replace("|", "¦").replace("`", "'"))
    plain = plain if len(plain) <= 220 else f"{plain[:217]}..."
    return f"`{plain}`" if plain else ""


def lines_of(found: Sequence[Figure]) -> Iterator[str]:
    """The figures for the terminal."""
    for one in found:
        yield " ".join(cell for cell in one.cells().split(" | ") if cell).strip("| ")

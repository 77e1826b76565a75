"""A finding is one thing wrong, or worth knowing, with the cells it comes from.

Findings are data: they are collected, counted, sorted and reported, never raised. ``message`` and ``hint`` carry no
value of a participant; ``value`` does, and reports show it only with ``--show-values``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from fhir_msc.quick import quick


class Severity(StrEnum):
    """As OperationOutcome.issue.severity (R4, http://hl7.org/fhir/issue-severity)."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANK[self]


_RANK = {Severity.FATAL: 0, Severity.ERROR: 1, Severity.WARNING: 2, Severity.INFORMATION: 3}


@quick(frozen=True, slots=True)
class Origin:
    """The cells something comes from: a row of a table in a file, and the columns that were read.

    ``row`` counts the data rows of the table from 1, as a person would (for a CSV file the header is not counted).
    It is ``None`` for what is said of a whole column or table, and in a table of which rows are sealed: there
    ``key`` names the row instead, for a row number would tell how many sealed rows stand before it.
    """

    file: str
    table: str
    row: int | None = None
    fields: tuple[str, ...] = ()
    key: str | None = None

    def __str__(self) -> str:
        place = self.file if self.file == self.table else f"{self.file} [{self.table}]"
        if self.row is not None:
            place += f" row {self.row}"
        elif self.key is not None:
            place += f" key {self.key}"
        if self.fields:
            place += f" column {', '.join(self.fields)}"
        return place


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a text: line and column, both from 1, the column in characters (Unicode code points).

    ``until`` is the first place behind it, where that is known.
    """

    line: int
    column: int
    until: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: rule id (``MSC-…``), severity, what, where in FHIR (``path``), of which resource (``key``).

    ``key`` is the opaque sync identifier, ``patient`` that of the participant whose row it is about, where one row or
    one participant is. ``count`` is how many rows say the same when a finding is reported once
    for all of them. ``value`` is the cell's text, hidden unless asked for. ``place`` is where it stands in the text
    that was checked, the file of the first origin if there is one; two findings that differ in nothing else are equal.
    """

    rule: str
    severity: Severity
    message: str
    origins: tuple[Origin, ...] = ()
    path: str | None = None
    key: str | None = None
    hint: str | None = None
    value: str | None = None
    count: int = 1
    patient: str | None = None
    place: Place | None = field(default=None, compare=False)

    @property
    def is_error(self) -> bool:
        """Whether what it is about may not leave."""
        return self.severity in (Severity.FATAL, Severity.ERROR)


def order(finding: Finding) -> tuple[object, ...]:
    """What findings are sorted by: the worst first, then by place."""
    first = finding.origins[0] if finding.origins else Origin("", "")
    return (
        _RANK[finding.severity],
        first.file,
        first.table,
        first.row or 0,
        first.key or "",
        first.fields,
        finding.rule,
        finding.path or "",
        finding.key or "",
        finding.message,
        finding.hint or "",
        finding.value or "",
        finding.count,
    )


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the one order that reports use: worst first, then by place. Independent of how they were found."""
    return sorted(findings, key=order)

"""The rules about a set of resources: they need facts of several, which lie in a temporary SQLite file.

Days are compared at the coarser precision of the two: the same day passes, and so does a month around a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from fhir_msc.findings import Severity
from fhir_msc.scratch import scratch_database
from fhir_msc.validation.problems import Problem
from fhir_msc.validation.trial.facts import (
    BORN,
    CONSENTED,
    CONTENT,
    ENROLLED,
    GIVEN,
    IDENTIFIED,
    MET,
    OF,
    PLANNED,
    SCORED,
    Fact,
)
from fhir_msc.validation.trial.totals import Total, adds_up, wrong_total

UNCONSENTED = "MSC-CONSENT-006"
BEFORE_BIRTH = "MSC-TIME-004"
OUTSIDE_WINDOW = "MSC-VISIT-001"
WITHOUT_SUBJECT = "MSC-LINK-001"
SAME_ID = "MSC-KEY-003"
SAME_IDENTIFIER = "MSC-KEY-004"

_EARLIER = """
    SELECT one.source, one.path FROM fact AS one
    JOIN (SELECT about, min(says) AS day FROM fact WHERE kind = ? GROUP BY about) AS other USING (about)
    WHERE one.kind = 'dated'
    AND substr(one.says, 1, min(length(one.says), length(day))) < substr(day, 1, min(length(one.says), length(day)))
    ORDER BY one.rowid"""


class Told(NamedTuple):
    """A problem of a set, and what was given with the facts of the resource: ``path`` of it begins with its type."""

    source: str
    problem: Problem


class Gathered:
    """Facts of a set. ``source`` of a resource is a text of the caller's, given back with what is told of it."""

    def __init__(self, totals: Sequence[Total] = ()) -> None:
        self._totals = totals
        self._database = scratch_database()
        self._database.execute("CREATE TABLE fact (kind, about, says, path, more, source)")

    def add(self, source: str, facts: Iterable[Fact]) -> None:
        """Takes the facts of a document."""
        self._database.executemany(
            "INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?)", [(*map(_whole, one), source) for one in facts]
        )

    def told(self) -> Iterator[Told]:
        """What the set tells, rule by rule, in the order in which the resources came. Asked once."""
        self._database.execute("CREATE INDEX by_about ON fact (kind, about)")
        yield from self._again(CONTENT, SAME_ID, Severity.ERROR, "the type and id of another resource, and differs")
        message = "the identifiers of another resource of its type"
        yield from self._again(IDENTIFIED, SAME_IDENTIFIER, Severity.WARNING, message)
        yield from self._earlier(CONSENTED, UNCONSENTED, "before the participant's consent to research")
        yield from self._earlier(BORN, BEFORE_BIRTH, "before the participant was born")
        yield from self._unlinked()
        yield from self._outside()
        yield from self._mistotalled()

    def _again(self, kind: str, rule: str, severity: Severity, message: str) -> Iterator[Told]:
        """Every resource but the first of those that share what must be one's own."""
        rows = self._database.execute(
            "SELECT about, says, path, source FROM fact WHERE kind = ? AND about IN"
            " (SELECT about FROM fact WHERE kind = ? GROUP BY about HAVING count(DISTINCT says) > 1)"
            " ORDER BY about, rowid",
            (kind, kind),
        )
        for _, group in groupby(rows, key=lambda row: row[0]):
            known: set[str] = set()
            for _, says, path, source in group:
                if known and says not in known:
                    yield Told(source, Problem(rule, message, path, hint="keep one of them", severity=severity))
                known.add(says)

    def _earlier(self, kind: str, rule: str, message: str) -> Iterator[Told]:
        for source, path in self._database.execute(_EARLIER, (kind,)):
            yield Told(source, Problem(rule, message, path, hint="correct the dates", severity=Severity.WARNING))

    def _unlinked(self) -> Iterator[Told]:
        rows = self._database.execute(
            "SELECT source, path FROM fact WHERE kind = ? AND EXISTS (SELECT 1 FROM fact WHERE kind = ?)"
            " AND about NOT IN (SELECT about FROM fact WHERE kind = ?) ORDER BY rowid",
            (OF, ENROLLED, ENROLLED),
        )
        message = "of a patient who has no ResearchSubject among those given"
        for source, path in rows:
            yield Told(source, Problem(WITHOUT_SUBJECT, message, path, hint="add it", severity=Severity.WARNING))

    def _outside(self) -> Iterator[Told]:
        """Infusions outside the window of their visit. Where arms have windows of their own, the widest counts:
        whoever looks may be blind."""
        rows = self._database.execute(
            "SELECT one.source, one.path, one.says, first.day, low, high FROM fact AS one"
            " JOIN (SELECT about, min(says) AS day FROM fact WHERE kind = ? AND length(says) = 10 GROUP BY about)"
            " AS first USING (about)"
            " JOIN fact AS visit ON visit.kind = ? AND visit.about = one.more"
            " JOIN (SELECT about, min(CAST(says AS INTEGER)) AS low, max(CAST(more AS INTEGER)) AS high FROM fact"
            " WHERE kind = ? GROUP BY about) AS plan ON plan.about = visit.says"
            " WHERE one.kind = ? AND length(one.says) = 10 ORDER BY one.rowid",
            (GIVEN, MET, PLANNED, GIVEN),
        )
        message = "the infusion was given outside the window that the protocol plans for its visit"
        for source, path, day, first, low, high in rows:
            after = _days_between(first, day)
            if after is not None and not low <= after <= high:
                hint = f"planned: day {low} to {high} from the first infusion"
                yield Told(source, Problem(OUTSIDE_WINDOW, message, path, hint=hint, severity=Severity.WARNING))

    def _mistotalled(self) -> Iterator[Told]:
        """Totals that are Observations of their own, beside their items; what was answered twice is not compared."""
        by_code = {total.code: total for total in self._totals}
        rows = self._database.execute(
            "SELECT about, says, path, more, source FROM fact WHERE kind = ? ORDER BY about, rowid", (SCORED,)
        )
        for about, group in groupby(rows, key=lambda row: row[0]):
            total = by_code[about.rpartition(" ")[2]]
            scores: dict[str, list[tuple[Decimal, str, str]]] = {}
            for _, says, path, code, source in group:
                scores.setdefault(code, []).append((Decimal(says), path, source))
            if total.code not in scores or any(len(said) > 1 for said in scores.values()):
                continue
            [(whole, path, source)] = scores.pop(total.code)
            if not adds_up(total, whole, {code: said[0][0] for code, said in scores.items()}):
                yield Told(source, wrong_total(f"{path}.valueQuantity.value"))


def _whole(text: str) -> str:
    """The text without halves of surrogates, which a database does not take."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _days_between(first: str, later: str) -> int | None:
    try:
        return (date.fromisoformat(later) - date.fromisoformat(first)).days
    except ValueError:
        return None

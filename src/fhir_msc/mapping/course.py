"""Blocks on the way through the trial as makers of records: consents and dispositions, which decide what may leave."""

from __future__ import annotations

from dataclasses import replace

from fhir_msc.findings import Origin, Severity
from fhir_msc.mapping.blocks import ConsentBlock, DispositionBlock
from fhir_msc.mapping.expressions import words_between_commas, words_of
from fhir_msc.mapping.notes import Topic
from fhir_msc.mapping.records import Maker, one_of
from fhir_msc.mapping.scope import CellProblem, Cells, Scope
from fhir_msc.trial import Consent, Disposition, Key, Record

DISPOSITIONS = frozenset(
    [
        "enrolled",
        "randomised",
        "completed",
        "discontinued",
        "died",
        "screen-failure",
        "lost-to-follow-up",
        "consent-withdrawn",
        "unclear-withdrawal",
        "other",
    ]
)
_UNKNOWN_STEP = "unknown"
"""The kind by which a pack says that it does not know the step."""

_WITHDRAWALS = frozenset(["consent-withdrawn", "unclear-withdrawal"])
"""What counts even if its date cannot be read: as of an unknown day it stops all that is dated."""

UNKNOWN_STEP = "MSC-CONSENT-008"


def consent(words: ConsentBlock, scope: Scope) -> Maker:
    """A consent given or withdrawn. A withdrawal without a date counts all the same; a consent without one is none, and
    an error where the block's condition says that it was given."""
    date = words_of(words.date, scope)
    columns = tuple(name for value in words.date for name in value.from_)

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record | None:
        try:
            day = date(cells, zone)
        except CellProblem as problem:
            if words.decision != "withdrawn":
                raise
            raise problem.but(Consent(key, subject, origins, None, "withdrawn")) from None
        if day is None and words.decision == "given":
            if words.if_:
                raise CellProblem("MSC-MAP-005", columns, "a consent needs its date", "", "fill the cell in the source")
            return None
        return Consent(key, subject, origins, day, words.decision)

    return make


def disposition(words: DispositionBlock, scope: Scope) -> Maker:
    """A step through the trial. One that the pack does not know is another one, and told once per spelling: nobody has
    asked whether it is a withdrawal."""
    kind = one_of(words_of(words.kind, scope), DISPOSITIONS | {_UNKNOWN_STEP}, words.kind)
    named = scope.open(list(dict.fromkeys(name for value in words.kind for name in value.from_))[:1])
    said, notes = words_between_commas(named, scope), scope.notes
    date, term = words_of(words.date, scope), words_of(words.term, scope)
    scope_of = one_of(words_of(words.scope, scope), frozenset(("study", "treatment")), words.scope)

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record | None:
        found = kind(cells, zone)
        if found is None:
            return None
        if found == _UNKNOWN_STEP:
            notes.say(notes.open(_is_it_a_withdrawal(tuple(named), said(cells, zone))))
            found = "other"
        treatment = scope_of(cells, zone) == "treatment"
        step = Disposition(key, subject, origins, found, None, "treatment" if treatment else "study", term(cells, zone))
        try:
            return replace(step, date=date(cells, zone))
        except CellProblem as problem:
            if found not in _WITHDRAWALS:
                raise
            raise problem.but(step) from None

    return make


def _is_it_a_withdrawal(columns: tuple[str, ...], cell: str | None) -> Topic:
    return Topic(
        UNKNOWN_STEP,
        Severity.WARNING,
        "a step through the trial that the pack does not know: nothing is stopped",
        columns,
        "see whether it is a withdrawal; map it in the pack: consent-withdrawn, unclear-withdrawal, or what it is",
        cell,
    )

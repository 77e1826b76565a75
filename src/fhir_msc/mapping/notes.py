"""Notes: findings that are made once for a column or a code, however many rows say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from fhir_msc.findings import Finding, Origin, Severity


@dataclass(frozen=True, slots=True)
class Topic:
    """What is said of a column or code."""

    rule: str
    severity: Severity
    message: str
    columns: tuple[str, ...]
    hint: str | None = None
    value: str | None = None


def left_out(columns: tuple[str, ...], cell: str, hint: str) -> Topic:
    """That a code is nobody's, and nothing is sent for it."""
    return Topic("MSC-MAP-011", Severity.WARNING, "a code that the pack does not know: left out", columns, hint, cell)


@dataclass(slots=True)
class Notes:
    """Collects what is said once per column or code; counts how often. Independent of the order of rows.

    A topic is opened once and then said by its number, for that happens once per row.
    """

    file: str
    table: str
    _numbers: dict[Topic, int] = field(default_factory=dict)
    _counts: list[int] = field(default_factory=list)
    _heard: list[int] | None = None

    def open(self, topic: Topic) -> int:
        """The topic's number."""
        number = self._numbers.setdefault(topic, len(self._counts))
        if number == len(self._counts):
            self._counts.append(0)
        return number

    def say(self, number: int) -> None:
        """One more row says this."""
        self._counts[number] += 1
        if self._heard is not None:
            self._heard.append(number)

    def repeat(self, numbers: Sequence[int]) -> None:
        """One more row says all of these."""
        for number in numbers:
            self._counts[number] += 1
        if self._heard is not None:
            self._heard += numbers

    @contextmanager
    def listening(self) -> Iterator[list[int]]:
        """Gives a list that holds, in the end, the numbers which were said in between."""
        before = self._heard
        heard: list[int] = []
        self._heard = heard
        try:
            yield heard
        finally:
            self._heard = before
            if before is not None:
                before += heard

    def findings(self) -> list[Finding]:
        """One finding per topic that was said, with its count."""
        return [
            Finding(
                rule=topic.rule,
                severity=topic.severity,
                message=topic.message,
                origins=(Origin(self.file, self.table, fields=topic.columns),),
                hint=topic.hint,
                value=topic.value,
                count=self._counts[number],
            )
            for topic, number in self._numbers.items()
            if self._counts[number]
        ]

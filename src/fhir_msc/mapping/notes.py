"""Notes: findings that are made once for a column or a code, however many rows say the same."""

from __future__ import annotations

from dataclasses import dataclass, field

from fhir_msc.findings import Finding, Origin, Severity


@dataclass(frozen=True, slots=True)
class _Topic:
    rule: str
    severity: Severity
    message: str
    columns: tuple[str, ...]
    hint: str | None
    value: str | None


@dataclass(slots=True)
class Notes:
    """Collects what is said once per column; counts how often. Independent of the order of rows."""

    file: str
    table: str
    _counts: dict[_Topic, int] = field(default_factory=dict)

    def add(
        self,
        rule: str,
        severity: Severity,
        message: str,
        *columns: str,
        hint: str | None = None,
        value: str | None = None,
        times: int = 1,
    ) -> None:
        """Notes one more row that says this."""
        topic = _Topic(rule, severity, message, columns, hint, value)
        self._counts[topic] = self._counts.get(topic, 0) + times

    def findings(self) -> list[Finding]:
        """One finding per topic, with its count."""
        return [
            Finding(
                rule=topic.rule,
                severity=topic.severity,
                message=topic.message,
                origins=(Origin(self.file, self.table, fields=topic.columns),),
                hint=topic.hint,
                value=topic.value,
                count=count,
            )
            for topic, count in self._counts.items()
        ]

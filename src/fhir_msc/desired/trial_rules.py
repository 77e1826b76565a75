"""The trial rules on a project's bodies, each finding at the cells behind it.

They look at what would leave, and at nothing else: in a blind project that is what is left behind the seals, so that no
finding can tell the arm. Findings are warnings: no body is kept back.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from fhir_msc.desired.columns import ElementColumns
from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Desired
from fhir_msc.findings import Finding
from fhir_msc.validation.problems import Problem
from fhir_msc.validation.trial.plausibility import implausible


class TrialRules:
    """Takes the bodies of a run, batch by batch."""

    def __init__(self, frame: Frame) -> None:
        self._columns = ElementColumns(frame.pack)

    def take(self, batch: Sequence[Desired]) -> list[Finding]:
        """What single bodies tell."""
        found: list[Finding] = []
        for one in batch:
            if one.type == "Observation":
                found += [self._finding(one, problem) for problem in implausible(orjson.loads(one.body))]
        return found

    def _finding(self, one: Desired, problem: Problem) -> Finding:
        return Finding(
            rule=problem.rule,
            severity=problem.severity,
            message=problem.message,
            origins=self._columns.narrowed(one.origins, one.table, one.type, problem.path),
            path=f"{one.type}.{problem.path}",
            key=one.rid,
            hint=problem.hint,
            value=problem.value,
            patient=one.lane or None,
        )

"""The trial rules on a project's bodies, each finding at the cells behind it.

They look at what would leave, and at nothing else: in a blind project that is what is left behind the seals, so that no
finding can tell the arm. No body is kept back by them. What the gates of consent, the keys and the links between
tables tell, they have told before.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from fhir_msc.desired.columns import ElementColumns
from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Desired
from fhir_msc.desired.policy import Policy
from fhir_msc.findings import Finding, Origin
from fhir_msc.mapping.pack import Pack
from fhir_msc.mapping.systems import coding
from fhir_msc.validation.problems import Problem
from fhir_msc.validation.trial import TrialRules, trial_problems
from fhir_msc.validation.trial.facts import BORN, DATED, GIVEN, MET, PLANNED, SCORED, facts_of, known_as
from fhir_msc.validation.trial.gathered import Gathered
from fhir_msc.validation.trial.totals import Total

_KINDS = frozenset([BORN, DATED, GIVEN, MET, PLANNED, SCORED])


def rules_of(pack: Pack, policy: Policy) -> TrialRules:
    """What the trial rules must know of a project's trial."""
    return TrialRules(
        blind=policy.blind,
        arms=tuple(dict.fromkeys(arm.name for arm in policy.study.arms)),
        data_cut=policy.data_cut,
        totals=totals_of(pack, policy.namespace),
    )


def totals_of(pack: Pack, namespace: str) -> tuple[Total, ...]:
    """The totals that the pack declares, their systems as they stand in bodies."""

    def named(text: str) -> str:
        found = coding(text)
        system = found.system if ":" in found.system else f"{namespace}/CodeSystem/{found.system}"
        return f"{system}|{found.code}"

    return tuple(Total(named(one.total), tuple(map(named, one.items))) for one in pack.words.totals)


class TrialJudge:
    """Takes the bodies of a run, batch by batch."""

    def __init__(self, frame: Frame) -> None:
        self._columns = ElementColumns(frame.pack)
        self._rules = rules_of(frame.pack, frame.policy)
        self._gathered = Gathered(self._rules.totals)
        self._told: dict[str, list[Finding]] = {}

    def take(self, batch: Sequence[Desired]) -> None:
        """Looks at bodies. One whose rid comes again replaces the earlier one, as it does in the ledger."""
        for one in batch:
            body = orjson.loads(one.body)
            found = [
                self._finding(one.origins, one.table, one.type, one.rid, one.lane, problem)
                for problem in trial_problems(body, self._rules)
            ]
            facts = [fact for fact in facts_of(body, "", known_as(body), {}, self._rules.totals) if fact.kind in _KINDS]
            if facts:
                source = orjson.dumps([one.origins, one.table, one.type, one.rid, one.lane]).decode()
                self._gathered.add(source, facts)
            if found or one.rid in self._told:
                self._told[one.rid] = found

    def of_table(self) -> list[Finding]:
        """What the bodies taken since the last time tell, each alone."""
        told, self._told = self._told, {}
        return [finding for found in told.values() for finding in found]

    def of_all(self) -> list[Finding]:
        """What the bodies tell together. Asked once, behind the last of them."""
        found: dict[tuple[object, ...], Finding] = {}
        for source, problem in self._gathered.told():
            origins, table, type, rid, lane = orjson.loads(source)
            places = tuple(Origin(**{**one, "fields": tuple(one["fields"])}) for one in origins)
            finding = self._finding(places, table, type, rid, lane, problem)
            # A row that shares its key with others was made twice, the second time under an id of its own.
            found[finding.rule, finding.path, finding.origins] = finding
        return list(found.values())

    def _finding(
        self, origins: Sequence[Origin], table: str, type: str, rid: str, lane: str, problem: Problem
    ) -> Finding:
        path = problem.path.removeprefix(".")
        return Finding(
            rule=problem.rule,
            severity=problem.severity,
            message=problem.message,
            origins=self._columns.narrowed(origins, table, type, path),
            path=f"{type}.{path}" if path else type,
            key=rid,
            hint=problem.hint,
            value=problem.value,
            patient=lane or None,
        )

"""A small SDTM study in memory, and what a target should have of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from fhir_msc.desired import Account, Desired
from fhir_msc.desired.assembly import assemble
from fhir_msc.desired.policy import Policy
from fhir_msc.findings import Finding, in_order
from fhir_msc.mapping.pack import Pack, read_pack
from fhir_msc.sources.table import Source
from fhir_msc.trial import Study
from tests.unit.mapping.memory import Memory

ROOT = Path(__file__).parents[3]
POLICY = Policy(Study("STUDY", "A study"), "https://trial.example.org", True, "domain", zone="Europe/Zurich")
Rows = list[dict[str, str]]
QUIET = ("MSC-SITE", "MSC-MAP-009", "MSC-BLIND")
COLUMNS = {
    "LB": ["USUBJID", "LBSEQ", "LBTESTCD", "LBTEST", "LBORRES", "LBORRESU", "LBDTC", "VISITNUM", "LBNAM"],
    "VS": ["USUBJID", "VSTESTCD", "VSORRES", "VSORRESU", "VSDTC"],
}
UNITS = {"PULSE": "BEATS/MIN", "TEMP": "C", "SYSBP": "mmHg", "DIABP": "mmHg"}


@cache
def sdtm() -> Pack:
    return read_pack(ROOT / "mappings" / "sdtm")


def dm(*subjects: str, **more: str) -> Rows:
    return [{"USUBJID": one, "SITEID": "1", "SEX": "F", "ARM": "secret", **more} for one in subjects]


def consent(*subjects: str, day: str = "2020-01-01") -> Rows:
    return [step(one, "INFORMED CONSENT OBTAINED", day) for one in subjects]


def step(subject: str, term: str, day: str, **more: str) -> dict[str, str]:
    return {"USUBJID": subject, "DSDECOD": term, "DSTERM": term, "DSSTDTC": day, **more}


def lb(
    subject: str = "S", test: str = "ALB", result: str = "40", day: str = "2020-02-01", **more: str
) -> dict[str, str]:
    return {"USUBJID": subject, "LBTESTCD": test, "LBORRES": result, "LBORRESU": "g/L", "LBDTC": day, **more}


def vs(
    subject: str = "S", test: str = "PULSE", result: str = "60", day: str = "2020-02-01", **more: str
) -> dict[str, str]:
    return {
        "USUBJID": subject,
        "VSTESTCD": test,
        "VSORRES": result,
        "VSORRESU": UNITS.get(test, ""),
        "VSDTC": day,
        **more,
    }


@dataclass(frozen=True)
class Outcome:
    bodies: dict[str, Desired]
    accounts: dict[str, Account]
    findings: list[Finding]
    order: list[str]

    def of_type(self, type: str) -> list[dict[str, object]]:
        return [json.loads(one.body) for _, one in sorted(self.bodies.items()) if one.type == type]

    def outcomes(self, table: str) -> dict[str, int]:
        account = self.accounts[table]
        found = {name: account.count(name) for name, _ in account.outcomes if account.count(name)}
        assert sum(found.values()) == account.rows
        assert min(account.outcomes.values(), default=0) >= 0
        return found

    def rules(self) -> list[str]:
        return sorted(one.rule for one in self.findings if not one.rule.startswith(QUIET))


def outcome(
    tables: Mapping[str, Sequence[Mapping[str, str]]] | Source, *, pack: Pack | None = None, **policy: object
) -> Outcome:
    """What a target should have; each table is looked at for its account adding up."""
    source: Source = Memory(tables, COLUMNS) if isinstance(tables, Mapping) else tables
    desired = assemble(source, pack or sdtm(), replace(POLICY, **policy), b"secret")  # type: ignore[arg-type]
    bodies: dict[str, Desired] = {}
    accounts, order = {}, []
    findings: list[Finding] = []
    for table in desired.tables():
        for batch in table.stream():
            for one in batch:
                bodies[one.rid] = one
                order.append(one.rid)
        accounts[table.name] = table.account
        findings += table.findings
    result = Outcome(bodies, accounts, in_order(findings), order)
    for name in accounts:
        result.outcomes(name)
    return result


def fingerprints(tables: Mapping[str, Sequence[Mapping[str, str]]] | Source, **policy: object) -> dict[str, bytes]:
    source: Source = Memory(tables, COLUMNS) if isinstance(tables, Mapping) else tables
    desired = assemble(source, sdtm(), replace(POLICY, **policy), b"secret")  # type: ignore[arg-type]
    return {table.name: table.fingerprint() for table in desired.tables()}

"""What commands print: tables of accounts and findings for people, one JSON document for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from fhir_msc.desired.model import OUTCOMES, Account
from fhir_msc.findings import Finding, Origin, Severity, in_order

if TYPE_CHECKING:
    from rich.console import Console

    from fhir_msc.pipeline import Checked

_COLUMNS_SHOWN = 3
MOST_SHOWN = 40
"""How many groups of findings a person is shown; ``--json`` has them all."""


def console(stderr: bool = False) -> Console:
    """Where people read. Without a terminal: no colours, 120 columns."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def print_json(document: object) -> None:
    """The one document of ``--json``."""
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.flush()


def account_document(account: Account) -> dict[str, object]:
    """The account of a table: rows by outcome, and by reason."""
    reasons: dict[str, dict[str, int]] = {}
    for (outcome, reason), count in sorted(account.outcomes.items()):
        if reason and count:
            reasons.setdefault(outcome, {})[reason] = count
    return {
        "table": account.table,
        "file": account.file,
        "rows": account.rows,
        **{outcome: account.count(outcome) for outcome in OUTCOMES},
        "reasons": reasons,
    }


def finding_document(finding: Finding, show_values: bool) -> dict[str, object]:
    """One finding. The cell's text only when asked for."""
    document: dict[str, object] = {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "count": finding.count,
        "origins": [origin_document(origin) for origin in finding.origins],
    }
    optional = {
        "path": finding.path,
        "key": finding.key,
        "patient": finding.patient,
        "hint": finding.hint,
    }
    document |= {name: text for name, text in optional.items() if text is not None}
    if show_values and finding.value is not None:
        document["value"] = finding.value
    return document


def origin_document(origin: Origin) -> dict[str, object]:
    """The cells something comes from."""
    document: dict[str, object] = {"file": origin.file, "table": origin.table}
    if origin.row is not None:
        document["row"] = origin.row
    if origin.key is not None:
        document["key"] = origin.key
    if origin.fields:
        document["columns"] = list(origin.fields)
    return document


def print_accounts(out: Console, accounts: Iterable[Account]) -> None:
    """What became of the rows, table by table."""
    from rich.table import Table

    table = Table(title="What became of every row", title_justify="left", box=None, pad_edge=False)
    table.add_column("table")
    table.add_column("rows", justify="right")
    for outcome in OUTCOMES:
        table.add_column(outcome, justify="right")
    for account in accounts:
        if account.rows:
            counts = [account.count(outcome) for outcome in OUTCOMES]
            table.add_row(account.table, f"{account.rows:,}", *[f"{count:,}" if count else "" for count in counts])
    out.print(table)


def print_findings(out: Console, findings: Sequence[Finding], show_values: bool) -> None:
    """The findings, grouped by what they say, worst first."""
    groups: dict[tuple[Severity, str, str, str | None], list[Finding]] = {}
    for finding in in_order(findings):
        groups.setdefault((finding.severity, finding.rule, finding.message, finding.hint), []).append(finding)
    for number, ((severity, rule, message, hint), members) in enumerate(groups.items()):
        if number == MOST_SHOWN:
            out.print(f"... and {len(groups) - MOST_SHOWN} more kinds of findings (--json has them all)", markup=False)
            return
        count = sum(member.count for member in members)
        out.print(f"{severity.value:<11} {rule:<16} {count:>6,} x  {message}", markup=False)
        for member in members[:3]:
            place = _place(member.origins[0]) if member.origins else member.key or ""
            path = f"  {member.path}" if member.path else ""
            value = f"  value {member.value!r}" if show_values and member.value is not None else ""
            out.print(f"            {place}{path}{value}", markup=False)
        if len(members) > 3:
            out.print(f"            ... and {len(members) - 3} more", markup=False)
        if hint:
            out.print(f"            -> {hint}", markup=False)


def _place(origin: Origin) -> str:
    """The cells in a line's length: the first columns of many."""
    if len(origin.fields) <= _COLUMNS_SHOWN:
        return str(origin)
    return f"{replace(origin, fields=origin.fields[:_COLUMNS_SHOWN])}, ..."


def export_document(result: Checked, show_values: bool) -> dict[str, object]:
    """The document of ``map`` and ``validate``."""
    return {
        "tables": [account_document(account) for account in result.accounts],
        "resources": dict(sorted(result.resources.items())),
        "findings": [finding_document(one, show_values) for one in in_order(result.findings)],
        "unreadable": _unreadable(result),
    }


def _unreadable(result: Checked) -> list[str]:
    """What cannot be read, said once, however many tables need it."""
    return list(dict.fromkeys(str(error) for error in result.unreadable))


def print_export(out: Console, result: Checked, show_values: bool) -> None:
    """What ``map`` and ``validate`` tell a person."""
    print_accounts(out, result.accounts)
    out.print()
    print_findings(out, result.findings, show_values)
    for error in _unreadable(result):
        out.print(f"unreadable  {error}", markup=False)
    resources = ", ".join(f"{count:,} {name}" for name, count in sorted(result.resources.items()))
    out.print(f"\n{sum(result.resources.values()):,} resources: {resources}", markup=False)


def exit_code(result: Checked) -> int:
    """3 where a table cannot be read, 1 where a finding is an error."""
    if result.unreadable:
        return 3
    return 1 if any(one.is_error for one in result.findings) else 0

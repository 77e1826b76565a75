"""What commands print: tables of accounts for people, one JSON document for programs, reports where they are wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from fhir_msc.errors import UsageError
from fhir_msc.findings import Severity

if TYPE_CHECKING:
    from rich.console import Console

    from fhir_msc.desired.model import Account
    from fhir_msc.reports.tally import Report


def console(stderr: bool = False) -> Console:
    """Where people read. Without a terminal: no colours, 120 columns."""
    from rich.console import Console

    class Unbroken(Console):
        """Goes quiet when nobody reads on (``sync | head -1``): the command does all that it was asked for."""

        def on_broken_pipe(self) -> None:
            self.quiet = True
            _read_no_more()

    return Unbroken(stderr=stderr, highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def print_json(document: object) -> None:
    """The one document of ``--json``."""
    print_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def print_bytes(text: bytes) -> None:
    """A report on stdout, as it is."""
    try:
        sys.stdout.buffer.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _read_no_more()


def _read_no_more() -> None:
    """What is still written to stdout goes nowhere, and Python does not complain about it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def print_accounts(out: Console, accounts: Iterable[Account]) -> None:
    """What became of the rows, table by table."""
    from rich.table import Table

    from fhir_msc.desired.model import OUTCOMES

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


def print_export(out: Console, accounts: Iterable[Account], report: Report, show_values: bool) -> None:
    """What ``map`` and ``validate`` tell a person of an export."""
    from fhir_msc.reports.text import print_report

    print_accounts(out, accounts)
    out.print()
    print_report(out, report, show_values)
    types = report.details.get("resources")
    if isinstance(types, Mapping) and types:
        out.print(", ".join(f"{count:,} {name}" for name, count in types.items()), markup=False)


def write_report(report: Report, form: str, path: Path | None, show_values: bool) -> None:
    """A report in one of the formats, to a file or, where there is none, to stdout. Raises UsageError."""
    from fhir_msc.reports import rendered

    text = rendered(report, form, show_values=show_values)
    if path is None:
        print_bytes(text)
        return
    try:
        path.write_bytes(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({type(error).__name__})") from error


def exit_code(report: Report, fail_on: Severity = Severity.ERROR) -> int:
    """3 where something cannot be read, 1 where a finding is as bad as ``fail_on``."""
    if report.unreadable:
        return 3
    return 1 if report.fails(fail_on) else 0

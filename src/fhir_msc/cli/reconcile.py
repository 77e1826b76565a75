"""``fhir-msc reconcile``: do the rows and the resources, here and on the server, add up?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, TargetOption

if TYPE_CHECKING:
    from rich.console import Console

    from fhir_msc.sources.table import FileFacts
    from fhir_msc.sync.reconciling import Reconciled


def reconcile(
    project: ProjectOption = Path(),
    target: TargetOption = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the tables as CSV.")] = None,
    json: JsonOption = False,
) -> int:
    """Show per table what became of its rows, and per type how many resources are here and on the server."""
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.config import read_project
    from fhir_msc.errors import SourceError, UsageError
    from fhir_msc.oversight import files_read, reconciled

    opened = read_project(project, target)
    found = reconciled(opened)
    if found is None:
        raise UsageError("nothing was synced yet: there is no ledger", hint=f"fhir-msc sync --project {project}")
    files: Sequence[FileFacts] = []
    unreadable: list[str] = []
    try:
        files = files_read(opened, {account.table for account in found.accounts})
    except SourceError as error:  # the numbers stand in the ledger, whatever has become of the export
        unreadable.append(str(error))
    if csv is not None:
        _write(csv, found, files)
    if json:
        print_json({**_document(found, files), "unreadable": unreadable})
    else:
        _print(console(), found, files)
        for text in unreadable:
            console().print(f"unreadable  {text}", markup=False)
    return 3 if unreadable else 0 if found.agrees else 1


def _time(facts: FileFacts) -> str:
    return facts.modified.isoformat(timespec="seconds")


def _document(found: Reconciled, files: Sequence[FileFacts]) -> dict[str, object]:
    from fhir_msc.export_report import account_document

    return {
        "target": found.target,
        "agrees": found.agrees,
        "tables": [account_document(account) for account in found.accounts],
        "types": [{"type": one.type, "here": one.here, "there": one.there} for one in found.types],
        "files": [
            {"file": one.file, "encoding": one.encoding, "sha256": one.sha256, "changed": _time(one)} for one in files
        ],
    }


def _print(out: Console, found: Reconciled, files: Sequence[FileFacts]) -> None:
    from rich.table import Table

    from fhir_msc.cli.report import print_accounts

    print_accounts(out, found.accounts)
    out.print()
    table = Table(title=f"On target {found.target}", title_justify="left", box=None, pad_edge=False)
    table.add_column("resource")
    table.add_column("here", justify="right")
    table.add_column("there", justify="right")
    table.add_column("")
    for one in found.types:
        there = "cannot be asked" if one.there is None else f"{one.there:,}"
        table.add_row(one.type, f"{one.here:,}", there, "" if one.agrees else "differs")
    out.print(table)
    for facts in files:
        out.print(f"{facts.file}  {facts.encoding}  {_time(facts)}  sha256 {facts.sha256}", markup=False)
    if not found.agrees:
        out.print("  -> fhir-msc verify names what differs", markup=False)


def _write(path: Path, found: Reconciled, files: Sequence[FileFacts]) -> None:
    import csv

    from fhir_msc.desired.model import OUTCOMES

    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("table", "file", "rows", *OUTCOMES, "encoding", "sha256", "changed"))
        told = {one.file: (one.encoding, one.sha256, _time(one)) for one in files}
        for account in found.accounts:
            counts = [account.count(outcome) for outcome in OUTCOMES]
            writer.writerow((account.table, account.file, account.rows, *counts, *told.get(account.file, ("", "", ""))))
        writer.writerow(("type", "here", "there"))
        for one in found.types:
            writer.writerow((one.type, one.here, "" if one.there is None else one.there))

"""``fhir-msc reconcile``: do the rows and the resources, here and on the server, add up?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption

if TYPE_CHECKING:
    from rich.console import Console

    from fhir_msc.config import Project
    from fhir_msc.sync.reconciling import Reconciled

Files = dict[str, tuple[str, str]]
"""Checksum and time of change by the file's name."""


def reconcile(
    project: ProjectOption = Path(),
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the tables as CSV.")] = None,
    json: JsonOption = False,
) -> int:
    """Show per table what became of its rows, and per type how many resources are here and on the server."""
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.oversight import reconciled

    opened = read_project(project)
    found = reconciled(opened)
    if found is None:
        raise UsageError("nothing was synced yet: there is no ledger", hint=f"fhir-msc sync --project {project}")
    files = _files(opened, found)
    if csv is not None:
        _write(csv, found, files)
    if json:
        print_json(_document(found, files))
    else:
        _print(console(), found, files)
    return 0 if found.agrees else 1


def _files(project: Project, found: Reconciled) -> Files:
    """Those of the tables' files; nothing in a blind project, for what is true of whole files may tell the arm."""
    from datetime import UTC, datetime
    from hashlib import file_digest

    if project.words.project.blind:
        return {}
    files: Files = {}
    folder = project.source_path if project.source_path.is_dir() else project.source_path.parent
    for name in sorted({account.file for account in found.accounts}):
        path = folder / name
        if path.is_file():
            with path.open("rb") as stream:
                digest = file_digest(stream, "sha256").hexdigest()
            changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
            files[name] = (digest, changed)
    return files


def _document(found: Reconciled, files: Files) -> dict[str, object]:
    from fhir_msc.cli.report import account_document

    return {
        "target": found.target,
        "agrees": found.agrees,
        "tables": [account_document(account) for account in found.accounts],
        "types": [{"type": one.type, "here": one.here, "there": one.there} for one in found.types],
        "files": [{"file": name, "sha256": digest, "changed": time} for name, (digest, time) in files.items()],
    }


def _print(out: Console, found: Reconciled, files: Files) -> None:
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
    for name, (digest, time) in files.items():
        out.print(f"{name}  {time}  sha256 {digest}", markup=False)
    if not found.agrees:
        out.print("  -> fhir-msc verify names what differs", markup=False)


def _write(path: Path, found: Reconciled, files: Files) -> None:
    import csv

    from fhir_msc.desired.model import OUTCOMES

    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("table", "file", "rows", *OUTCOMES, "sha256", "changed"))
        for account in found.accounts:
            counts = [account.count(outcome) for outcome in OUTCOMES]
            writer.writerow((account.table, account.file, account.rows, *counts, *files.get(account.file, ("", ""))))
        writer.writerow(("type", "here", "there"))
        for one in found.types:
            writer.writerow((one.type, one.here, "" if one.there is None else one.there))

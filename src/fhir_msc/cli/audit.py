"""``fhir-msc audit verify``: is the record of what left whole?"""

from __future__ import annotations

from pathlib import Path

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption

app = typer.Typer(help="The record of what left, when, on whose word.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _audit() -> None:
    """The record of what left, when, on whose word."""


@app.command("verify")
def verify(project: ProjectOption = Path(), json: JsonOption = False) -> int:
    """Recompute the chain of hashes: a byte changed, a row missing or put in between breaks it."""
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.oversight import audited

    found = audited(read_project(project))
    if found is None:
        raise UsageError("nothing was synced yet: there is no audit", hint=f"fhir-msc sync --project {project}")
    if json:
        print_json({"rows": found.rows, "brokenAt": found.broken_at})
    elif found.broken_at is None:
        console().print(f"{found.rows:,} rows, all as they were written", markup=False)
    else:
        console().print(f"row {found.broken_at:,} is not what was written, or one before it is missing", markup=False)
        console().print("  -> keep the file as it is and compare it with a backup", markup=False)
    return 1 if found.broken_at is not None else 0

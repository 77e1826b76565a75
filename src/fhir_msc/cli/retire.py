"""``fhir-msc retire``: what the source does not give any more, and a person's word that it no longer counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, TargetOption, person

if TYPE_CHECKING:
    from fhir_msc.config import Project


def retire(
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY...", help="What to retire; none: list.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Retire all that is listed and can be.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it goes into the audit.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who says so; default: the system's user.")] = None,
    project: ProjectOption = Path(),
    target: TargetOption = None,
    json: JsonOption = False,
) -> int:
    """List what vanished from the source and still stands on the server, or retire it with a reason: it gets the status
    that says that it does not count, with the next sync; only what has no such status is deleted, and only where the
    config allows it."""
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.oversight import retire as run
    from fhir_msc.oversight import vanished_of

    opened = read_project(project, target)
    if not keys and not all:
        return _listed(opened, json)
    if not (reason or "").strip() or (keys and all):
        raise UsageError("to retire is KEY... or --all, with a --reason", hint="fhir-msc retire lists the keys")
    chosen = (
        [one.rid for one in vanished_of(opened) if one.obstacle is None]
        if all
        else [key.rpartition("/")[2] for key in keys or ()]
    )
    count = run(opened, chosen, str(reason).strip(), by or person())
    typer.echo(f"{count:,} retired; the next sync sends it")
    return 0


def _listed(project: Project, json: bool) -> int:
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.oversight import vanished_of
    from fhir_msc.reports.document import origin_document

    found = vanished_of(project)
    if json:
        print_json(
            {
                "vanished": [
                    {
                        "type": one.type,
                        "key": one.rid,
                        "obstacle": one.obstacle,
                        "origins": [origin_document(origin) for origin in one.origins],
                    }
                    for one in found
                ]
            }
        )
        return 0
    out = console()
    for one in found:
        out.print(f"{one.type}/{one.rid}  was {one.origins[0] if one.origins else ''}", markup=False)
        if one.obstacle is not None:
            out.print(f"  cannot be retired: {one.obstacle}", markup=False)
    said = "not given by the source any more; they stay on the server as they are"
    out.print(f"{len(found):,} {said}" if found else "Nothing has vanished from the source.", markup=False)
    if any(one.obstacle is None for one in found):
        out.print('  -> fhir-msc retire KEY... (or --all) --reason "..."', markup=False)
    return 0

"""``fhir-msc corrections``: what may be the correction of something else, and a person's answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, TargetOption, person

if TYPE_CHECKING:
    from fhir_msc.config import Project
    from fhir_msc.sync.corrections import Answer


def corrections(
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="The key to settle; none: list them.")] = None,
    same: Annotated[bool, typer.Option("--same", help="It is the earlier one, corrected: it keeps the id.")] = False,
    new: Annotated[bool, typer.Option("--new", help="It is something of its own.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it goes into the audit.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who says so; default: the system's user.")] = None,
    project: ProjectOption = Path(),
    target: TargetOption = None,
    json: JsonOption = False,
) -> int:
    """List what is held as a possible correction, or settle one with a reason. The next sync acts on it."""
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.oversight import settle

    opened = read_project(project, target)
    if key is None and (same or new or reason is not None or by is not None):
        raise UsageError("an answer is to a KEY", hint="fhir-msc corrections lists the keys")
    if key is None:
        return _listed(opened, json)
    if same == new or not (reason or "").strip():
        raise UsageError("an answer is --same or --new, with a --reason", hint="fhir-msc corrections lists the keys")
    answer: Answer = "same" if same else "new"
    settle(opened, key.rpartition("/")[2], answer, str(reason).strip(), by or person())
    return 0


def _listed(project: Project, json: bool) -> int:
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.oversight import corrections_of
    from fhir_msc.reports.document import origin_document

    found = corrections_of(project)
    if json:
        print_json(
            {
                "held": [
                    {
                        "type": one.type,
                        "key": one.rid,
                        "origins": [origin_document(origin) for origin in one.origins],
                        "vanished": one.twin,
                        "vanishedOrigins": [origin_document(origin) for origin in one.twin_origins],
                    }
                    for one in found
                ]
            }
        )
        return 0
    out = console()
    for one in found:
        out.print(f"{one.type}/{one.rid}", markup=False)
        for what, places in (("now", one.origins), ("was", one.twin_origins)):
            out.print(f"  {what} {places[0] if places else ''}", markup=False)
        out.print(f"  was {one.type}/{one.twin}, which the source does not give any more", markup=False)
    said = f"{len(found):,} held as possible corrections" if found else "Nothing is held as a possible correction."
    out.print(said, markup=False)
    if found:
        out.print('  -> fhir-msc corrections KEY --same (or --new) --reason "..."', markup=False)
    return 0

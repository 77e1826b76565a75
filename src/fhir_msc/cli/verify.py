"""``fhir-msc verify``: does the server still hold what was sent?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, ShowValuesOption, TargetOption

if TYPE_CHECKING:
    from rich.console import Console

    from fhir_msc.sync.verification import Drifted, FieldDrift, Verified

_HINTS = {
    "forgotten": "the server lost what it acknowledged: fhir-msc sync --repair sends it again; ask first whether"
    " somebody deleted it, for some servers tell that in the same way",
    "older": "the server holds what was sent before: fhir-msc sync --repair sends the later one again",
    "deleted": "somebody deleted it; it is not sent again",
    "changed": "somebody changed it; it is not overwritten",
}
_SHOWN = 20
_CSV = ("type", "key", "drift", "known version", "server version", "path", "source", "sent", "server", "file", "table")


def verify(
    project: ProjectOption = Path(),
    target: TargetOption = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write one line per element that differs.")
    ] = None,
    json: JsonOption = False,
    show_values: ShowValuesOption = False,
) -> int:
    """Read back all that was delivered and compare source, sent and server. Nothing is written to the server."""
    from fhir_msc.cli.progress import Progress
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.oversight import verify as run

    drifted: list[Drifted] = []
    with Progress() as progress:
        counts = run(read_project(project, target), drifted.append, progress=progress)
    if counts is None:
        raise UsageError("nothing was synced yet: there is no ledger", hint=f"fhir-msc sync --project {project}")
    drifted.sort(key=lambda one: (one.type, one.rid))
    if csv is not None:
        _write(csv, drifted, show_values)
    if json:
        print_json(_document(counts, drifted, show_values))
    else:
        _print(console(), counts, drifted, show_values)
    return 1 if drifted else 0


def _document(counts: Verified, drifted: list[Drifted], show_values: bool) -> dict[str, object]:
    from fhir_msc.reports.document import origin_document

    return {
        "read": counts.read,
        "same": counts.same,
        "behindSource": counts.behind,
        "inFlight": counts.in_flight,
        "drifted": [
            {
                "type": one.type,
                "key": one.rid,
                "drift": one.drift.value,
                "knownVersion": one.known,
                "serverVersion": one.version,
                "repairable": one.repairable,
                "fields": [_field_document(field, show_values) for field in one.fields],
                "origins": [origin_document(origin) for origin in one.origins],
            }
            for one in drifted
        ],
    }


def _field_document(field: FieldDrift, show_values: bool) -> dict[str, str | None]:
    values = {"source": field.source, "sent": field.sent, "server": field.server}
    return {"path": field.path, **(values if show_values else {})}


def _print(out: Console, counts: Verified, drifted: list[Drifted], show_values: bool) -> None:
    out.print(
        f"{counts.read:,} resources read back: {counts.same:,} as sent, {len(drifted):,} not"
        + (f"; {counts.behind:,} are wanted otherwise by now" if counts.behind else "")
        + (f"; {counts.in_flight:,} in flight, not compared" if counts.in_flight else ""),
        markup=False,
    )
    for kind, hint in _HINTS.items():
        members = [one for one in drifted if one.drift.value == kind]
        if not members:
            continue
        out.print(f"{len(members):,} {kind}", markup=False)
        for one in members[:_SHOWN]:
            place = str(one.origins[0]) if one.origins else ""
            out.print(f"  {one.type}/{one.rid}  {place}", markup=False)
            for field in one.fields[:_SHOWN]:
                values = f": source {field.source}, sent {field.sent}, server {field.server}" if show_values else ""
                out.print(f"      {field.path}{values}", markup=False)
        if len(members) > _SHOWN:
            out.print(f"  ... and {len(members) - _SHOWN:,} more (--json and --csv have them all)", markup=False)
        out.print(f"  -> {hint}", markup=False)


def _write(path: Path, drifted: list[Drifted], show_values: bool) -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_CSV)
        for one in drifted:
            origin = one.origins[0] if one.origins else None
            places = (origin.file, origin.table) if origin else ("", "")
            head = (one.type, one.rid, one.drift.value, one.known or "", one.version or "")
            for field in one.fields or (None,):
                values = (field.source, field.sent, field.server) if field and show_values else ("", "", "")
                writer.writerow((*head, field.path if field else "", *values, *places))

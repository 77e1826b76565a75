"""``fhir-msc queries``: what the data managers must ask the sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, ShowValuesOption, TargetOption

if TYPE_CHECKING:
    from rich.console import Console

    from fhir_msc.sync.queries import Queries, Query

_CELLS_SHOWN = 3
_UNKNOWN = "not known"


def queries(
    project: ProjectOption = Path(),
    target: TargetOption = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the questions as CSV, one line per cell.")
    ] = None,
    json: JsonOption = False,
    show_values: ShowValuesOption = False,
) -> int:
    """Show what the sites must be asked, as of the last sync: by site, form and participant, with the cells."""
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.config import read_project
    from fhir_msc.errors import SourceError, UsageError
    from fhir_msc.oversight import members_of, queries_of

    opened = read_project(project, target)
    members: Mapping[str, tuple[str, str | None]] = {}
    unreadable: list[str] = []
    try:
        members = members_of(opened)
    except SourceError as error:  # the questions stand in the ledger; whose site it is does not
        unreadable.append(str(error))
    found = queries_of(opened, members)
    if found is None:
        raise UsageError("nothing was synced yet: there is no ledger", hint=f"fhir-msc sync --project {project}")
    # A participant's identifier is participants' data like any cell.
    names = {patient: name for patient, (name, _) in members.items()} if show_values else {}
    if csv is not None:
        _write(csv, found, names, show_values)
    if json:
        print_json({**_document(found, names, show_values), "unreadable": unreadable})
    else:
        _print(console(), found, names, show_values)
        for text in unreadable:
            console().print(f"unreadable  {text}", markup=False)
    return 3 if unreadable else 0


def _document(found: Queries, names: Mapping[str, str], show_values: bool) -> dict[str, object]:
    from fhir_msc.reports.document import finding_document

    def document(one: Query) -> dict[str, object]:
        name = names.get(one.finding.patient or "")
        whose = {} if name is None else {"participant": name}
        return {"site": one.site, "form": one.form, **whose, **finding_document(one.finding, show_values)}

    return {
        "target": found.target,
        "queries": [document(one) for one in found.asked],
        "otherFindings": found.others,
    }


def _whose(one: Query, names: Mapping[str, str]) -> str:
    patient = one.finding.patient
    return _UNKNOWN if patient is None else names.get(patient, f"Patient/{patient}")


def _print(out: Console, found: Queries, names: Mapping[str, str], show_values: bool) -> None:
    if not found.asked:
        out.print("Nothing has to be asked of a site.", markup=False)
    for (site, form), asked in groupby(found.asked, key=lambda one: (one.site, one.form)):
        out.print(f"\nsite {site or _UNKNOWN}, form {form}", markup=False)
        for whose, members in groupby(asked, key=lambda one: _whose(one, names)):
            out.print(f"  {whose}", markup=False)
            for one in members:
                _print_query(out, one, show_values)
    if found.others:
        out.print(
            f"\n{found.others:,} more findings are about whole columns or tables, and no site's to answer:"
            " fhir-msc status, fhir-msc validate",
            markup=False,
        )


def _print_query(out: Console, one: Query, show_values: bool) -> None:
    finding = one.finding
    times = f"  ({finding.count:,} rows)" if finding.count > 1 else ""
    value = f"  value {finding.value!r}" if show_values and finding.value is not None else ""
    out.print(f"    {finding.rule:<16} {finding.message}{times}{value}", markup=False)
    for origin in finding.origins[:_CELLS_SHOWN]:
        out.print(f"      {origin}", markup=False)
    if len(finding.origins) > _CELLS_SHOWN:
        out.print(f"      ... and {len(finding.origins) - _CELLS_SHOWN:,} more", markup=False)
    if finding.hint:
        out.print(f"      -> {finding.hint}", markup=False)


_HEADER = ("site", "form", "patient", "rule", "severity", "asked", "next", "rows", "file", "table", "row", "key")


def _write(path: Path, found: Queries, names: Mapping[str, str], show_values: bool) -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow((*_HEADER, "columns", *(("participant", "value") if show_values else ())))
        for one in found.asked:
            writer.writerows(_lines(one, names, show_values))


def _lines(one: Query, names: Mapping[str, str], show_values: bool) -> Sequence[tuple[object, ...]]:
    finding = one.finding
    said = (finding.rule, finding.severity.value, finding.message, finding.hint or "", finding.count)
    values = (names.get(finding.patient or "", ""), finding.value or "") if show_values else ()
    return [
        (
            *(one.site or "", one.form, finding.patient or "", *said),
            *(origin.file, origin.table, origin.row or "", origin.key or "", " ".join(origin.fields)),
            *values,
        )
        for origin in finding.origins
    ]

"""``fhir-msc map`` and ``fhir-msc mapping check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, ShowValuesOption, TargetOption

app = typer.Typer(help="Work on mapping packs.", no_args_is_help=True, rich_markup_mode=None)


def map_export(
    project: ProjectOption = Path(),
    target: TargetOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write the bodies as NDJSON, in the order of keys.")
    ] = None,
    json: JsonOption = False,
    show_values: ShowValuesOption = False,
) -> int:
    """Map the export to FHIR without sending anything; account for every row."""
    from fhir_msc.cli.bodies import BodyFile
    from fhir_msc.cli.progress import Progress
    from fhir_msc.cli.report import console, exit_code, print_export, print_json
    from fhir_msc.config import read_project
    from fhir_msc.export_report import report_of
    from fhir_msc.pipeline import checked
    from fhir_msc.reports.document import report_document
    from fhir_msc.reports.tally import Selection

    opened = read_project(project, target)
    with Progress() as progress, BodyFile(output) as bodies:
        result = checked(opened, progress, bodies.keep)
        bodies.write()
    report = report_of(opened, result, Selection(most=len(result.findings)))
    if json:
        print_json(report_document(report, show_values))
    else:
        out = console()
        print_export(out, result.accounts, report, show_values)
        if output is not None:
            out.print(f"written to {output}", markup=False)
    return exit_code(report)


@app.command("check")
def check(
    pack: Annotated[str, typer.Argument(metavar="PACK", help="A pack's folder, or the name of one that ships.")],
    source: Annotated[Path | None, typer.Option("--source", help="An export to check it against.")] = None,
    unblinded: Annotated[bool, typer.Option("--unblinded", help="Look at sealed columns too.")] = False,
    json: JsonOption = False,
    show_values: ShowValuesOption = False,
) -> int:
    """Check a pack: its words, its code tables, its examples and, with --source, that it fits an export."""
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.findings import in_order
    from fhir_msc.mapping.checking import check_pack
    from fhir_msc.mapping.pack import find_pack, read_pack
    from fhir_msc.reports.document import finding_document
    from fhir_msc.reports.text import print_findings
    from fhir_msc.sources.opening import SourceOptions, open_source
    from fhir_msc.sources.seals import Seals

    known = read_pack(find_pack(pack))
    seals = Seals() if unblinded else known.seals
    options = SourceOptions(kinds=known.words.source, seals=seals, arms_are_treatments=known.words.arms_are_treatments)
    opened = open_source(source, options) if source is not None else None
    findings = in_order(check_pack(known, opened, seals))
    wrong = sum(one.is_error for one in findings)
    if json:
        print_json({"pack": known.words.pack, "findings": [finding_document(one, show_values) for one in findings]})
    else:
        out = console()
        print_findings(out, findings, show_values)
        out.print(f"{known.words.title}: {len(known.tables)} tables, {wrong} errors, {len(findings) - wrong} others")
    return 1 if wrong else 0

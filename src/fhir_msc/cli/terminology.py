"""``fhir-msc terminology export``: the project's own codes as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, TargetOption

app = typer.Typer(help="The project's own codes.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _terminology() -> None:
    """The project's own codes."""


@app.command("export")
def export(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the files go; it is made if it is not there.")
    ],
    project: ProjectOption = Path(),
    target: TargetOption = None,
    json: JsonOption = False,
) -> int:
    """Write the CodeSystems and ValueSets of our own codes as FHIR JSON, one file each, as they are sent."""
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.oversight import terminology_of

    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, name, body in terminology_of(read_project(project, target)):
            path = folder / f"{kind}-{name}.json"
            path.write_bytes(body + b"\n")
            written.append(str(path))
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({type(error).__name__})", hint="name another folder") from error
    if json:
        print_json({"files": written})
    else:
        out = console()
        for path_written in written:
            out.print(path_written, markup=False)
    return 0

"""``fhir-msc init``: a new project's folder, with a config that runs as it is and the secret."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The new project's folder.")],
    pack: Annotated[str, typer.Option("--pack", help="A mapping pack: its folder, or the name of one that ships.")],
    source: Annotated[Path, typer.Option("--source", help="The export: a folder, or one file.")],
    target: Annotated[str, typer.Option("--target", help="The FHIR server's base URL.", metavar="URL")],
    zone: Annotated[str | None, typer.Option("--zone", help="The sites' IANA time zone.", metavar="ZONE")] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", help="The base of your own identifiers and codes.", metavar="URI")
    ] = None,
    unblinded: Annotated[bool, typer.Option("--unblinded", help="The project may know who is in which arm.")] = False,
) -> int:
    """Write a project folder: one commented TOML config that runs as it is, and the secret."""
    from fhir_msc.cli.report import console
    from fhir_msc.cli.scaffold import scaffold

    written = scaffold(
        directory, pack=pack, source=source, target=target, zone=zone, namespace=namespace, blind=not unblinded
    )
    out = console()
    out.print(f"{'An unblinded' if unblinded else 'A blind'} project stands in {directory}:", markup=False)
    for name, what in written:
        out.print(f"  {name:<14} {what}", markup=False)
    out.print(
        f"\nNext:\n  fhir-msc validate --project {directory}      what would be sent, and what is wrong with it\n"
        f"  fhir-msc target probe {target}\n  fhir-msc sync --project {directory}",
        markup=False,
    )
    return 0

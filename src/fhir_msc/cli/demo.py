"""``fhir-msc demo``: the example trial, mapped and synced to a server that the demo starts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    directory: Annotated[
        Path, typer.Option("--directory", metavar="DIR", help="Where the demo's project is laid; made anew each time.")
    ] = Path(".demo"),
) -> int:
    """Map the example phase 2 lupus trial (81 participants, all synthetic) and sync it to a sandbox server, twice."""
    from fhir_msc.cli.demonstration import demonstrate

    return demonstrate(directory)

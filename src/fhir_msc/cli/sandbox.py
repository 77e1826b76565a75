"""``fhir-msc sandbox``: a small FHIR server on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sandbox(
    port: Annotated[int, typer.Option("--port", help="The port; 0 takes a free one.", min=0, max=65535)] = 8090,
    database: Annotated[Path | None, typer.Option("--database", help="Keep the resources in this SQLite file.")] = None,
) -> int:
    """Run a small FHIR R4 server on loopback, for trying things out. Prints its base URL when it is ready."""
    from fhir_msc.errors import UsageError
    from fhir_msc.sandbox.server import SandboxError, serve

    try:
        serve(port, database=database, on_ready=typer.echo)
    except SandboxError as error:
        raise UsageError(str(error), hint="name a free port with --port, or 0 to take one") from error
    return 0

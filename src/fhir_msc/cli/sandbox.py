"""``fhir-msc sandbox``: a small FHIR server on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sandbox(
    port: Annotated[int, typer.Option("--port", help="The port; 0 takes a free one.", min=0, max=65535)] = 8090,
    database: Annotated[Path | None, typer.Option("--database", help="Keep the resources in this SQLite file.")] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", help="Play a server: hapi, google, medplum, oracle, epic or meditech.", metavar="NAME"
        ),
    ] = None,
) -> int:
    """Run a small FHIR R4 server on loopback, for trying things out. Prints its base URL when it is ready."""
    from fhir_msc.errors import UsageError
    from fhir_msc.sandbox.profiles import OWN, PROFILES
    from fhir_msc.sandbox.server import SandboxError, serve

    if profile is not None and profile not in PROFILES:
        raise UsageError("there is no such server to play", hint=f"--profile is one of {', '.join(PROFILES)}")
    try:
        serve(port, database=database, on_ready=typer.echo, profile=PROFILES[profile] if profile else OWN)
    except SandboxError as error:
        raise UsageError(str(error), hint=error.hint or None) from error
    return 0

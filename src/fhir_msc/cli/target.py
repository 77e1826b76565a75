"""``fhir-msc target probe``: what a server is, and how each resource type would reach it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, TargetOption

if TYPE_CHECKING:
    from fhir_msc.target.capabilities import Capabilities
    from fhir_msc.target.families import Family
    from fhir_msc.target.routes import Route

app = typer.Typer(help="Look at a FHIR server.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _target() -> None:
    """Look at a FHIR server."""


@app.command("probe")
def probe(
    url: Annotated[str | None, typer.Argument(metavar="URL", help="The base URL; none: the project's target.")] = None,
    project: ProjectOption = Path(),
    target: TargetOption = None,
    bearer: Annotated[str | None, typer.Option("--bearer", help="env:NAME, file:PATH or cmd:COMMAND.")] = None,
    role: Annotated[str, typer.Option("--role", help="store or ehr, with a URL.")] = "store",
    json: JsonOption = False,
) -> int:
    """Ask a server for its capabilities and print the route of each resource type. Nothing is written."""
    from fhir_msc.access import probed
    from fhir_msc.cli.report import print_json
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.target.auth import Bearer
    from fhir_msc.target.client import FhirClient
    from fhir_msc.target.families import detect_family
    from fhir_msc.target.routes import route_plan

    if url is None:
        found = probed(read_project(project, target))
        capabilities, family, routes = found.capabilities, found.family, found.routes
    else:
        if role not in ("store", "ehr"):
            raise UsageError("--role is store or ehr")
        with FhirClient(url, auth=Bearer(bearer) if bearer else None) as client:
            capabilities = client.capabilities()
        family = detect_family(capabilities)
        routes = route_plan(capabilities, _types(), family, "ehr" if role == "ehr" else "store")
    if json:
        print_json(_document(capabilities, family, routes))
    else:
        _print(capabilities, family, routes)
    return 0


def _types() -> list[str]:
    from fhir_msc.resources.registry import RANKS

    return list(RANKS)


def _document(capabilities: Capabilities, family: Family, routes: tuple[Route, ...]) -> dict[str, object]:
    return {
        "software": capabilities.software,
        "fhirVersion": capabilities.fhir_version,
        "family": family,
        "routes": [
            {"type": route.type, "route": route.kind.value, "delivered": route.deliverable, "reason": route.reason}
            for route in routes
        ],
    }


def _print(capabilities: Capabilities, family: Family, routes: tuple[Route, ...]) -> None:
    from rich.table import Table

    from fhir_msc.cli.report import console

    out = console()
    out.print(
        f"{capabilities.software or 'unnamed server'}, FHIR {capabilities.fhir_version}, family {family}", markup=False
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("type", "route", "sent", "why"):
        table.add_column(heading)
    for route in routes:
        table.add_row(route.type, route.kind.value, "yes" if route.deliverable else "no", route.reason)
    out.print(table)

"""``fhir-msc status``: what the ledger knows."""

from __future__ import annotations

from pathlib import Path

from fhir_msc.cli.options import JsonOption, ProjectOption


def status(project: ProjectOption = Path(), json: JsonOption = False) -> int:
    """Show how the target stands: what is delivered, pending, held, in conflict or dead, and why."""
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.cli.standing import print_status, status_document
    from fhir_msc.config import read_project
    from fhir_msc.pipeline import status_of

    found = status_of(read_project(project))
    if json:
        print_json(status_document(found))
    else:
        print_status(console(), found)
    return 1 if found.needs_a_person else 0

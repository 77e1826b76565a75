"""``fhir-msc status``: what the ledger knows."""

from __future__ import annotations

from pathlib import Path

from fhir_msc.cli.options import JsonOption, ProjectOption


def status(project: ProjectOption = Path(), json: JsonOption = False) -> int:
    """Show how the target stands: what is delivered, pending, held, in conflict or dead, and why."""
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.cli.standing import needs_a_person, print_status, status_document
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.oversight import status_of

    found = status_of(read_project(project))
    if found is None:
        raise UsageError("nothing was synced yet: there is no ledger", hint=f"fhir-msc sync --project {project}")
    if json:
        print_json(status_document(found))
    else:
        print_status(console(), found)
    return 1 if needs_a_person(found) else 0

"""``fhir-msc status``: what the ledger knows."""

from __future__ import annotations

from pathlib import Path

from fhir_msc.cli.options import JsonOption, ProjectOption, TargetOption


def status(project: ProjectOption = Path(), target: TargetOption = None, json: JsonOption = False) -> int:
    """Show how the target stands: what is delivered, pending, held, in conflict or dead, and why."""
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.cli.standing import needs_a_person, print_status, status_document
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.oversight import status_of

    found = [status_of(one) for one in read_project(project, target).each_target()]
    known = [one for one in found if one is not None]
    if not known:
        raise UsageError("nothing was synced yet: there is no ledger", hint=f"fhir-msc sync --project {project}")
    if json:
        documents = {one.target: status_document(one) for one in known}
        print_json(documents[known[0].target] if len(found) == 1 else {"targets": documents})
    else:
        for one in known:
            print_status(console(), one)
    return 1 if any(map(needs_a_person, known)) else 0

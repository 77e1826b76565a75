"""``fhir-msc trace --lot`` and ``--subject``: the chain of custody, from a lot to whom it was given and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fhir_msc.sync.edges import Edge, Node

_TYPES = {"unit": "BiologicallyDerivedProduct", "infusion": "MedicationAdministration", "participant": "Patient"}


def trace_custody(
    folder: Path, target: str | None, *, lot: str | None, subject: str | None, json: bool, show_values: bool
) -> int:
    """Shows the chain of one lot, or of one participant. Raises UsageError in a blind project, and for a lot or
    a participant that the ledger has no infusion of."""
    from fhir_msc.access import looked_at
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.oversight import participant_key
    from fhir_msc.sync.custody import edges_of, refuse_blind, subjects_of
    from fhir_msc.sync.edges import Node, chain

    project = read_project(folder, target)
    refuse_blind(project.words.project.blind)
    start = Node("lot", lot) if lot is not None else Node("participant", participant_key(project, subject or ""))
    namespace = project.words.project.namespace
    with looked_at(project) as ledger:
        if ledger is None:
            raise UsageError("nothing was synced yet: there is no ledger", hint=f"fhir-msc sync --project {folder}")
        found = chain(edges_of(ledger, namespace), start)
        patients = {node.name for edge in found for node in edge if node.kind == "participant"}
        subjects = subjects_of(ledger, namespace, patients) if show_values else {}
    if not found:
        raise UsageError(
            f"the ledger has no infusion of this {'lot' if lot is not None else 'participant'}",
            hint="give the lot, or the participant's identifier, as the source has it",
        )
    if json:
        print_json({"edges": [_document(edge, subjects) for edge in found]})
        return 0
    out = console()
    for line in _lines(found, subjects):
        out.print(line, markup=False, highlight=False)
    return 0


def _document(edge: Edge, subjects: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {"from": _node(edge.above, subjects), "to": _node(edge.below, subjects)}


def _node(node: Node, subjects: Mapping[str, str]) -> dict[str, str]:
    if node.kind not in _TYPES:
        return {"kind": node.kind, "code": node.name}
    said = {"kind": node.kind, "type": _TYPES[node.kind], "key": node.name}
    return {**said, "subject": subjects[node.name]} if node.name in subjects else said


def _lines(edges: Sequence[Edge], subjects: Mapping[str, str]) -> list[str]:
    return [f"{_text(edge.above, subjects)} → {_text(edge.below, subjects)}" for edge in edges]


def _text(node: Node, subjects: Mapping[str, str]) -> str:
    if node.kind not in _TYPES:
        return f"{node.kind} {node.name}"
    subject = f" ({subjects[node.name]})" if node.name in subjects else ""
    return f"{_TYPES[node.kind]}/{node.name}{subject}"

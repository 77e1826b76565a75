"""The whole way on one page: rows → trial records → what may leave → FHIR JSON → findings → ledger → server.

    rows ──map──▶ trial records ──release──▶ what may leave ──build──▶ FHIR JSON ──check──▶ findings      desired/
                                                                           │
                                                                         stage
                                                                           ▼
                                      ledger: desired ≠ delivered ──deliver──▶ FHIR server                sync/

``checked`` goes as far as the findings (``fhir-msc validate`` and ``map``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fhir_msc.config import Project
from fhir_msc.desired.assembly import DesiredTables, assemble
from fhir_msc.desired.model import Account, Desired
from fhir_msc.errors import SourceError
from fhir_msc.findings import Finding

Progress = Callable[[str, int], None]
"""Told what is being done, and how many are done."""


def silent(_what: str, _done: int) -> None:
    """Tells nobody."""


@dataclass(slots=True)
class Checked:
    """What mapping and checking gave: accounts per table, findings, resources by type, tables that cannot be read."""

    accounts: list[Account] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    resources: Counter[str] = field(default_factory=Counter)
    unreadable: list[SourceError] = field(default_factory=list)


def desired_tables(project: Project) -> DesiredTables:
    """What the project's target should have, table by table; nothing is read yet but the source's headers."""
    return assemble(project.open_source(), project.pack, project.policy, project.secret())


def checked(
    project: Project, progress: Progress = silent, keep: Callable[[list[Desired]], None] | None = None
) -> Checked:
    """Maps, releases, builds and checks all of the export. ``keep`` is given the bodies, batch by batch.

    A table that cannot be read is told in ``unreadable``; the others go on.
    """
    result = Checked()
    for table in desired_tables(project).tables():
        rids: dict[str, int] = {}
        try:
            for batch in table.stream():
                for desired in batch:
                    rids[desired.type] = rids.get(desired.type, 0) + 1
                if keep is not None:
                    keep(batch)
                progress(table.name, table.account.rows)
        except SourceError as error:
            result.unreadable.append(error)
            continue
        result.resources.update(rids)
        result.accounts.append(table.account)
        result.findings += table.findings
    return result

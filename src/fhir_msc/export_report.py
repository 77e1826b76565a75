"""What checking a project's export found, as a report: the account of every row, the findings at their cells."""

from __future__ import annotations

from dataclasses import replace

from fhir_msc.config import Project
from fhir_msc.desired.model import OUTCOMES, Account
from fhir_msc.pipeline import Checked
from fhir_msc.reports.tally import Report, Selection, Tally
from fhir_msc.sources.cells import placed_in_cells
from fhir_msc.sources.seals import Seals


def report_of(project: Project, result: Checked, selection: Selection | None = None) -> Report:
    """The report of what ``checked`` gave; ``details`` are the accounts of the ``tables``, and ``resources`` by type.

    Findings about cells of delimited text have their places in it, but in a blind project those of a file of which
    anything is sealed. Raises SourceError where the source as a whole cannot be read any more.
    """
    chosen = selection or Selection()
    tally = Tally(chosen.most)
    tally.resources = sum(result.resources.values())
    tally.add(dict.fromkeys(result.findings), chosen)  # a cell that several rules of the pack read is wrong once
    path = project.source_path
    folder = path if path.is_dir() else path.parent
    found = tally.report(
        unreadable=tuple(dict.fromkeys(map(str, result.unreadable))),  # said once, however many tables need it
        folder=str(folder),
        details={
            "tables": [account_document(account) for account in result.accounts],
            "resources": dict(sorted(result.resources.items())),
        },
    )
    placed = placed_in_cells(
        [one.finding for one in found.findings],
        folder,
        project.open_source().tables(),
        project.pack.seals if project.words.project.blind else Seals(),
        project.words.source.delimiter,
    )
    return replace(
        found,
        findings=tuple(one._replace(finding=at) for one, at in zip(found.findings, placed, strict=True)),
    )


def account_document(account: Account) -> dict[str, object]:
    """The account of a table: rows by outcome, and by reason."""
    reasons: dict[str, dict[str, int]] = {}
    for (outcome, reason), count in sorted(account.outcomes.items()):
        if reason and count:
            reasons.setdefault(outcome, {})[reason] = count
    return {
        "table": account.table,
        "file": account.file,
        "rows": account.rows,
        **{outcome: account.count(outcome) for outcome in OUTCOMES},
        "reasons": reasons,
    }

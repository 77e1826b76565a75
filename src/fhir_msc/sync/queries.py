"""What the data managers must ask the sites: findings about participants' rows, by site, form and participant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_msc.findings import Finding, Severity, in_order
from fhir_msc.sync.accounts import findings
from fhir_msc.sync.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Query:
    """One question: the site (``None`` where it is not known), the form, which is the source table, and the finding,
    which says what is asked (``message``), what to do next (``hint``), of whom (``patient``) and the cells."""

    site: str | None
    form: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Queries:
    """The questions by site, form and participant. ``others`` counts the findings that no site can answer: about whole
    columns and tables, which are the pack's or the project's matter."""

    target: str
    asked: tuple[Query, ...]
    others: int


def queries(ledger: Ledger, sites: Mapping[str, str | None]) -> Queries:
    """The questions that the last staging left. ``sites`` gives the site of a participant by the key of the Patient."""
    with ledger.begin() as connection:
        found = [one for one in findings(connection, ledger.target_id) if one.severity is not Severity.INFORMATION]
    # Sorted twice: sites, forms and participants first, within these the order of every report.
    asked = [
        Query(sites.get(one.patient or ""), one.origins[0].table, one) for one in in_order(found) if _of_a_row(one)
    ]
    asked.sort(key=lambda one: (one.site is None, one.site or "", one.form, one.finding.patient or ""))
    return Queries(ledger.target, tuple(asked), len(found) - len(asked))


def _of_a_row(finding: Finding) -> bool:
    return any(origin.row is not None or origin.key is not None for origin in finding.origins)

"""``fhir-msc trace``: from a resource to its cells, from a row or a participant to the resources, along a lot."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, TargetOption

if TYPE_CHECKING:
    from rich.console import Console

    from fhir_msc.sync.ledger import Ledger
    from fhir_msc.sync.tracing import Line, Link, Traced

_KEY = re.compile(r"(?:[A-Z][A-Za-z]+/)?([a-z][0-9a-f]{40})")
_SHOWN = 20


def trace(
    what: Annotated[
        str | None,
        typer.Argument(metavar="KEY|TABLE:ROW|PARTICIPANT", help="A key, a row of a table, or a participant."),
    ] = None,
    project: ProjectOption = Path(),
    lot: Annotated[
        str | None, typer.Option("--lot", metavar="LOT", help="Donor, units, infusions, participants of a lot.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="PARTICIPANT", help="Infusions, units, lots, donors of one.")
    ] = None,
    target: TargetOption = None,
    json: JsonOption = False,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="With --lot or --subject: show the subjects' identifiers.")
    ] = False,
) -> int:
    """Follow a resource to its cells and its history, a row to its resources, a participant to all there is.

    With --lot or --subject: the chain of custody from donor to participant, in an unblinded project.
    """
    from fhir_msc.errors import UsageError

    if sum(one is not None for one in (what, lot, subject)) != 1:
        raise UsageError("trace one thing at a time", hint="fhir-msc trace KEY, --lot LOT or --subject PARTICIPANT")
    if what is None:
        from fhir_msc.cli.custody import trace_custody

        return trace_custody(project, target, lot=lot, subject=subject, json=json, show_values=show_values)
    return _trace(what, project, target, json)


def _trace(what: str, project: Path, target: str | None, json: bool) -> int:
    from fhir_msc.access import looked_at
    from fhir_msc.config import read_project
    from fhir_msc.errors import UsageError
    from fhir_msc.oversight import participant_key
    from fhir_msc.sync import tracing

    opened = read_project(project, target)
    with looked_at(opened) as ledger:
        if ledger is None:
            raise UsageError("nothing was synced yet: there is no ledger", hint=f"fhir-msc sync --project {project}")
        if (key := _KEY.fullmatch(what)) is not None:
            found = tracing.of_key(ledger, key[1])
            if found is None:
                raise UsageError("the ledger has no resource of this key", hint="fhir-msc trace TABLE:ROW finds keys")
            return _tell(_key_document(found), lambda out: _print_key(out, found), json)
        table, _, place = what.partition(":")
        if place and table in tracing.tables(ledger):
            return _tell_row(ledger, table, place, json)
        patient = participant_key(opened, what)
        lines = tracing.of_lane(ledger, patient)
    if not lines:
        raise UsageError(
            "this is no key, no row of a table of the source, and no participant that the ledger knows",
            hint="fhir-msc trace KEY, fhir-msc trace LB:17, or the participant's identifier as the source has it",
        )
    return _tell(_lane_document(patient, lines), lambda out: _print_lane(out, patient, lines), json)


def _tell_row(ledger: Ledger, table: str, place: str, json: bool) -> int:
    from fhir_msc.errors import UsageError
    from fhir_msc.reports.document import finding_document
    from fhir_msc.reports.text import print_findings
    from fhir_msc.sync import tracing

    links, findings = tracing.of_row(ledger, table, place)
    if not links and not findings:
        raise UsageError(
            f"{table} row {place}: the ledger knows of no such row from which a resource or a finding came",
            hint="fhir-msc trace KEY tells the rows of a resource; rows are numbered as in the file",
        )

    def show(out: Console) -> None:
        out.print(f"{table} row {place}: {len(links):,} resources", markup=False)
        _print_links(out, links, len(links))
        print_findings(out, findings, False)

    document = {"resources": _links_document(links), "findings": [finding_document(one, False) for one in findings]}
    return _tell(document, show, json)


def _tell(document: object, show: Callable[[Console], None], json: bool) -> int:
    from fhir_msc.cli.report import console, print_json

    if json:
        print_json(document)
    else:
        show(console())
    return 0


def _links_document(links: Sequence[Link]) -> list[dict[str, str]]:
    return [{"type": one.type, "key": one.rid} for one in links]


def _key_document(found: Traced) -> dict[str, object]:
    from fhir_msc.reports.document import origin_document

    return {
        "type": found.type,
        "key": found.rid,
        "state": found.state.value,
        "vanished": found.vanished,
        "version": found.version,
        "cause": found.cause,
        "reason": found.reason,
        "origins": [origin_document(one) for one in found.origins],
        "refersTo": _links_document(found.refers_to),
        "referredBy": {"total": found.referred_by_count, "first": _links_document(found.referred_by)},
        "history": [
            {"at": one.at, "event": one.event, "by": one.actor, "version": one.version, "reason": one.reason}
            for one in found.history
        ],
    }


def _print_key(out: Console, found: Traced) -> None:
    gone = ", not given by the source any more" if found.vanished else ""
    version = f", version {found.version} on the server" if found.version else ""
    out.print(f"{found.type}/{found.rid}: {found.state.value}{version}{gone}", markup=False)
    if found.cause:
        out.print(f"  because of {found.cause}" + (f"; {found.reason}" if found.reason else ""), markup=False)
    for origin in found.origins[:_SHOWN]:
        out.print(f"  from {origin}", markup=False)
    if found.refers_to:
        out.print(f"  refers to {len(found.refers_to):,}", markup=False)
        _print_links(out, found.refers_to, len(found.refers_to))
    if found.referred_by_count:
        out.print(f"  referred to by {found.referred_by_count:,}", markup=False)
        _print_links(out, found.referred_by, found.referred_by_count)
    for one in found.history:
        reason = f"  {one.reason}" if one.reason else ""
        out.print(f"  {one.at}  {one.event}  {one.version}  {one.actor}{reason}", markup=False)


def _print_links(out: Console, links: Sequence[Link], total: int) -> None:
    for one in links[:_SHOWN]:
        out.print(f"    {one.type}/{one.rid}", markup=False)
    if total > _SHOWN:
        out.print(f"    ... and {total - min(_SHOWN, len(links)):,} more", markup=False)


def _lane_document(patient: str, lines: Sequence[Line]) -> dict[str, object]:
    return {
        "patient": patient,
        "resources": [
            {"table": one.table, "type": one.type, "state": one.state.value, "count": one.count} for one in lines
        ],
    }


def _print_lane(out: Console, patient: str, lines: Sequence[Line]) -> None:
    from rich.table import Table

    out.print(f"Patient/{patient}", markup=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("table", "resource", "state"):
        table.add_column(heading)
    table.add_column("number", justify="right")
    for one in lines:
        table.add_row(one.table, one.type, one.state.value, f"{one.count:,}")
    out.print(table)

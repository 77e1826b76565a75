"""What ``sync``, ``status`` and the demo tell of a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fhir_msc.cli import INTERRUPTED
from fhir_msc.cli.report import print_accounts
from fhir_msc.export_report import account_document
from fhir_msc.findings import in_order
from fhir_msc.reports.document import finding_document, origin_document
from fhir_msc.reports.text import print_findings
from fhir_msc.sync.course import Ended
from fhir_msc.sync.staging import Staged, StagingReport
from fhir_msc.sync.states import State
from fhir_msc.sync.status import Item, Listing, Status

if TYPE_CHECKING:
    from rich.console import Console

    from fhir_msc.access import Probed
    from fhir_msc.pipeline import Synced

_SHOWN = 10


def status_document(status: Status, show_values: bool = False) -> dict[str, object]:
    """The document of ``status``."""
    listings = {
        "dead": status.dead,
        "conflicts": status.conflicts,
        "held": status.held,
        "waiting": status.waiting,
        "skipped": status.skipped,
        "vanished": status.vanished,
    }
    return {
        "target": status.target,
        "resources": {
            name: {state.value: count for state, count in found.items()} for name, found in status.states.items()
        },
        "tables": [account_document(account) for account in status.accounts],
        "findings": [finding_document(one, show_values) for one in in_order(status.findings)],
        "elsewhere": status.is_elsewhere,
        "oldestPending": status.oldest_pending,
        "lastRun": None
        if status.last_run is None
        else {
            "started": status.last_run.started_at,
            "finished": status.last_run.ended_at,
            "ended": status.last_run.ended,
        },
        **{name: _listing_document(listing) for name, listing in listings.items()},
    }


def _listing_document(listing: Listing) -> dict[str, object]:
    return {"total": listing.total, "first": [_item_document(item) for item in listing.items]}


def _item_document(item: Item) -> dict[str, object]:
    return {
        "type": item.type,
        "key": item.rid,
        "state": item.state.value,
        "reason": item.reason,
        "about": item.about,
        "since": item.since,
        "origins": [origin_document(origin) for origin in item.origins],
    }


def synced_document(result: Synced, show_values: bool) -> dict[str, object]:
    """The document of ``sync``."""
    delivery = result.delivery
    return {
        **status_document(result.status, show_values),
        "staging": [
            {
                "table": table.table,
                "outcome": table.outcome.value,
                "new": table.new,
                "changed": table.changed,
                "same": table.same,
                "vanished": table.vanished,
                "returned": table.returned,
                "held": table.held,
                **({"error": str(table.error)} if table.error is not None else {}),
            }
            for table in result.staging.tables
        ],
        "delivery": None
        if delivery is None
        else {
            "ended": delivery.ended.value,
            "message": delivery.message,
            "created": delivery.created,
            "updated": delivery.updated,
            "deleted": delivery.deleted,
            "adopted": delivery.adopted,
            "transactions": delivery.sent,
            "reads": delivery.read,
            "moved": [{"key": rid, "reason": why} for rid, why in sorted(delivery.moved.items())],
        },
    }


def sync_exit_code(result: Synced) -> int:
    """130 where it was stopped, 5 where the server is gone or refuses, 3 where a table cannot be read, 1 where a person
    is needed."""
    ended = Ended.DONE if result.delivery is None else result.delivery.ended
    if ended is Ended.STOPPED:
        return INTERRUPTED
    if ended is not Ended.DONE:
        return 5
    if result.staging.errors:
        return 3
    return 1 if needs_a_person(result.status) or (result.delivery and result.delivery.moved) else 0


def needs_a_person(status: Status) -> bool:
    """Whether there is a dead letter, a conflict, a finding of severity error, or another url than was delivered to."""
    found = status.dead.total or status.conflicts.total or status.is_elsewhere
    return bool(found or any(one.is_error for one in status.findings))


def print_routes(out: Console, probed: Probed) -> None:
    """The route of each type, before anything is sent."""
    routes: dict[tuple[str, bool, str], list[str]] = {}
    for route in probed.routes:
        routes.setdefault((route.kind.value, route.deliverable, route.reason), []).append(route.type)
    name = probed.capabilities.software or "the server"
    out.print(f"{name}, FHIR {probed.capabilities.fhir_version}:", markup=False)
    for (kind, deliverable, reason), types in routes.items():
        verdict = "" if deliverable else "NOT SENT: "
        out.print(f"  {verdict}{kind} ({reason}): {', '.join(types)}", markup=False)


def print_synced(out: Console, result: Synced, show_values: bool) -> None:
    """What a sync tells a person."""
    _print_staging(out, result.staging)
    print_status(out, result.status, show_values)
    delivery = result.delivery
    if delivery is None:
        out.print("\nNothing to send: the target has all that the source gives; no request was made.", markup=False)
        return
    out.print(
        f"\n{delivery.created:,} created, {delivery.updated:,} updated, {delivery.adopted:,} found as wanted, in "
        f"{delivery.sent:,} transactions and {delivery.read:,} reads.",
        markup=False,
    )
    if delivery.moved:
        out.print(f"{len(delivery.moved):,} of the plan not sent: they have moved since it was made", markup=False)
        for rid, why in sorted(delivery.moved.items())[:_SHOWN]:
            out.print(f"  {rid}  {why}", markup=False)
        out.print("  -> make a new plan: fhir-msc plan", markup=False)
    if delivery.ended is not Ended.DONE:
        out.print(f"The run ended early: {delivery.ended.value}. {delivery.message or ''}", markup=False)
        out.print("  -> nothing is lost: run the same command again", markup=False)


def _print_staging(out: Console, staging: StagingReport) -> None:
    left: dict[tuple[Staged, str], list[str]] = {}
    for table in staging.tables:
        if table.outcome in (Staged.FAILED, Staged.EMPTY, Staged.MISSING):
            left.setdefault((table.outcome, str(table.error or "")), []).append(table.table)
    for (outcome, error), names in left.items():
        out.print(f"{', '.join(names)}: {outcome.value}; what was staged before stands as it was", markup=False)
        if error:
            out.print(f"  {error}", markup=False)
    for table in staging.tables:
        if table.vanished:
            out.print(
                f"{table.table}: {table.vanished:,} resources are not given by the source any more; they stay there",
                markup=False,
            )


def print_status(out: Console, status: Status, show_values: bool = False) -> None:
    """How the target stands."""
    print_accounts(out, status.accounts)
    out.print()
    print_findings(out, status.findings, show_values)
    from rich.table import Table

    table = Table(title=f"On target {status.target}", title_justify="left", box=None, pad_edge=False)
    states = [state for state in State if status.count(state)]
    table.add_column("resource")
    for state in states:
        table.add_column(state.value, justify="right")
    for name, found in status.states.items():
        table.add_row(name, *[f"{found[state]:,}" if found.get(state) else "" for state in states])
    out.print(table)
    if status.is_elsewhere:
        out.print(f"the url of target {status.target} is not the one that was delivered to", markup=False)
        out.print("  -> the next sync looks whether the server moved; before that: fhir-msc plan", markup=False)
    for title, listing, hint in (
        (
            "dead letters",
            status.dead,
            "correct the source or the pack: a changed body is tried again; a mended server: sync --retry-dead",
        ),
        ("conflicts: changed on the server by somebody else, not sent", status.conflicts, "look at both sides"),
        ("held as possible corrections", status.held, "a key that differs in a date or term from a vanished one"),
        ("waiting for what they refer to", status.waiting, "what they refer to must be delivered first"),
        ("skipped: the target does not take them", status.skipped, "see: fhir-msc target probe"),
        (
            "not given by the source any more",
            status.vanished,
            "they stay on the server as they are, until: fhir-msc retire",
        ),
    ):
        if listing.total:
            out.print(f"{listing.total:,} {title}", markup=False)
            for item in listing.items[:_SHOWN]:
                place = str(item.origins[0]) if item.origins else ""
                out.print(f"  {item.type}/{item.rid}  {item.reason or ''}  {place}", markup=False)
            if listing.total > _SHOWN:
                out.print(f"  ... and {listing.total - _SHOWN:,} more (--json names the first hundred)", markup=False)
            out.print(f"  -> {hint}", markup=False)

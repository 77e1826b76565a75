"""What an answer of the server means for one resource. Pure."""

from __future__ import annotations

from dataclasses import replace

from fhir_msc.errors import TargetError, TargetRefused
from fhir_msc.sync.audit import Event
from fhir_msc.sync.exchange import Outgoing, entry_of
from fhir_msc.sync.standing import Standing, confirmed, deleted, returned, unknown
from fhir_msc.sync.states import State
from fhir_msc.target.bundle import EntryResponse
from fhir_msc.target.retry import Action, Decision, asked_of, classify

_REASONS_KEPT = 3

BUSY = frozenset({408, 429, 502, 503, 504})
"""Statuses that say nothing of the request."""


def status_of(error: TargetError) -> int:
    """The HTTP status of a no; 0 where there was no answer, or none of a FHIR server."""
    return error.status if isinstance(error, TargetRefused) else 0


def reason_of(error: TargetError) -> str:
    """A no in words: the status and the first of its reasons."""
    reasons = error.reasons if isinstance(error, TargetRefused) else ()
    return "; ".join((str(status_of(error)), *reasons[:_REASONS_KEPT]))


def is_settled(one: Outgoing, response: EntryResponse) -> bool:
    """Whether the answer says all: that it was written, and under which id."""
    if not response.ok or (one.is_conditional and one.posts and response.status == 200):
        return False  # 200 to a conditional create: there is one already, whatever it holds
    return one.address is not None or response.location_id is not None


def after_answer(one: Outgoing, row: Standing, response: EntryResponse) -> Standing:
    """The step that follows from one entry's answer."""
    if is_settled(one, response):
        if one.deletes:
            return deleted(row)
        after = confirmed(row, response.version)
        return after if one.address is not None else replace(after, server_id=response.location_id)
    if response.ok or decision_of(one, response).action is Action.VERIFY:
        return unknown(row)
    return returned(row, row.version)


def decision_of(one: Outgoing, response: EntryResponse, tried: int = 0) -> Decision:
    """What to do after one entry's answer; ``tried`` counts the tries before this one that ended alike."""
    return classify(response, asked_of([entry_of(one)], 1 + tried))


def event_of(before: Standing, after: Standing, reason: str) -> Event | None:
    """What a step means on the server, for the audit."""
    if after.delivered != before.delivered and after.delivered is not None:
        is_new = (before.delivered is None or before.delivered.is_gone) and before.version is None
        written = "deleted" if after.delivered.is_gone else "created" if is_new else "updated"
        event = written if after.delivered == before.sent else "adopted"
    elif before.delivered is not None and after.delivered is None:
        event = "forgotten"
    elif after.state is State.CONFLICT and before.state is not State.CONFLICT:
        event, reason = "conflict", after.reason or ""
    elif after.state is State.DEAD:
        event, reason = "refused", after.reason or ""
    else:
        return None
    return Event(
        event,
        after.type,
        after.rid,
        digest=(after.delivered or after.desired).digest.hex(),
        before=before.delivered.digest.hex() if before.delivered else "",
        version=after.version or "",
        reason=reason,
    )

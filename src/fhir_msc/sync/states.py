"""The states of a resource on its way to one target, and what may follow what.

The ledger is level-triggered: a resource has a *desired* body (what the target should have) and a *delivered* body
(what it is known to have). The state says where the difference stands::

    staging:   (new) ─▶ pending         a changed body ─▶ pending, from every state but leased, unknown, conflict, held
               (new, like a vanished one) ─▶ held          the vanished one returns ─▶ pending
               desired again what was delivered ─▶ sent

    delivery:  pending ─▶ leased ─▶ sent                    the server confirmed
               pending ─▶ sent                              found on the server as desired: adopted, nothing written
               pending ─▶ sent                              retired, and not on the server any more: over
               pending ─▶ conflict                          found on the server, otherwise than desired or last sent
               pending ─▶ waiting ─▶ pending                refers to what is not on the server; looked at in every run
               pending ─▶ skipped ─▶ pending                the target cannot take the type; until it can
               leased  ─▶ pending                           refused as a whole: busy, moved versions, a bad neighbour
               leased  ─▶ retry ─▶ pending                  refused alone with a passing cause; due again at ``due_at``
               leased  ─▶ dead                              refused alone for good; tried again when its body changes
               dead    ─▶ pending                           on a person's word (``sync --retry-dead``)
               leased  ─▶ unknown                           sent and not answered, or found leased after a crash
               unknown ─▶ sent | pending | conflict         by reading the server, never by sending again
               conflict ─▶ sent | pending                   the server holds again what is desired or was last sent

``leased`` is committed before a request leaves. While leased or unknown, the row keeps the body that is in flight
(``sent_body``) whatever is desired meanwhile; once the outcome is known, a newer desired body makes it pending again.
A vanished resource (its row is gone from the source) keeps its state and is not sent until it returns.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a resource stands; see the module's docstring."""

    PENDING = "pending"
    LEASED = "leased"
    SENT = "sent"
    RETRY = "retry"
    UNKNOWN = "unknown"
    WAITING = "waiting"
    DEAD = "dead"
    SKIPPED = "skipped"
    CONFLICT = "conflict"
    HELD = "held"


IN_FLIGHT = (State.LEASED, State.UNKNOWN)
"""A request may be changing the server: the row keeps what was sent."""

UNSETTLED = (*IN_FLIGHT, State.CONFLICT)
"""Only reading the server leads out of these."""


def after_staging(state: State, *, changed: bool, delivered: bool) -> State:
    """The state of a known resource once its desired body is staged.

    ``changed``: the desired body differs from the one desired before. ``delivered``: it equals the delivered one.
    """
    if state in UNSETTLED or state is State.HELD or not changed:
        return state
    return State.SENT if delivered else State.PENDING

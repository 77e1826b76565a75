"""How one resource stands between the ledger and the server, and the steps it takes. Pure; see ``states``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

from fhir_msc.quick import quick
from fhir_msc.sync.comparison import holds, version_id
from fhir_msc.sync.exchange import Found, Several
from fhir_msc.sync.states import State
from fhir_msc.target.fhirjson import JsonObject

DELETED = "deleted on the server"
CHANGED = "changed on the server"
FOREIGN = "the server holds something else under this id"
SEVERAL = "the server holds several resources with its identifier"


GONE = b""
"""The body of what should not be on the server: nothing."""

GONE_DIGEST = sha256(GONE).digest()


@quick(frozen=True, slots=True)
class Kept:
    """A body in the ledger: its SHA-256 and the number of its row."""

    digest: bytes
    body_id: int

    @property
    def is_gone(self) -> bool:
        """Whether it says that the resource is deleted."""
        return self.digest == GONE_DIGEST


@quick(frozen=True, slots=True)
class Standing:
    """What the ledger says of a resource: what is desired, in flight (``sent``), delivered; the version last seen; the
    id that the server gave, where it gives ids; whether a person said that it no longer counts."""

    id: int
    rid: str
    type: str
    lane_id: int
    state: State
    desired: Kept
    sent: Kept | None = None
    delivered: Kept | None = None
    version: str | None = None
    attempts: int = 0
    due_at: str | None = None
    reason: str | None = None
    waiting_on: str | None = None
    server_id: str | None = None
    is_retired: bool = False

    @property
    def bodies(self) -> frozenset[int]:
        """The numbers of the bodies it needs."""
        return frozenset(kept.body_id for kept in (self.desired, self.sent, self.delivered) if kept is not None)


def unneeded(before: Standing, after: Standing) -> set[int]:
    """The numbers of bodies that a step leaves without use. It does not change what is desired."""
    kept = (after.desired, after.sent, after.delivered)
    return {one.body_id for one in (before.sent, before.delivered) if one is not None and one not in kept}


def leased(one: Standing) -> Standing:
    """About to be sent as it is desired now."""
    return replace(one, state=State.LEASED, sent=one.desired)


def unknown(one: Standing) -> Standing:
    """Sent and not answered."""
    return replace(one, state=State.UNKNOWN)


def confirmed(one: Standing, version: str | None) -> Standing:
    """The server has what was sent."""
    return _settled(one, one.sent, version, 0)


def deleted(one: Standing) -> Standing:
    """The server has it no more, as was wanted; if it is wanted again, it is new there."""
    return replace(_settled(one, one.sent or one.desired, None, 0), server_id=None)


def adopted(one: Standing, version: str | None) -> Standing:
    """The server has what is desired, without our sending it now."""
    return _settled(one, one.desired, version, 0)


def returned(one: Standing, version: str | None) -> Standing:
    """Nothing of what was sent was applied; the server holds what it held, in this version."""
    return _settled(one, one.delivered, version, one.attempts)


def over(one: Standing) -> Standing:
    """What no longer counts need not be there; if it is wanted again, it is new."""
    return replace(
        one,
        state=State.SENT,
        sent=None,
        delivered=None,
        version=None,
        attempts=0,
        due_at=None,
        reason=None,
        waiting_on=None,
        server_id=None,
    )


def conflicting(one: Standing, reason: str) -> Standing:
    """The server holds what is not ours to overwrite. The version last seen stays the one that was ours."""
    return replace(one, state=State.CONFLICT, sent=None, reason=reason, due_at=None, waiting_on=None)


def refused(one: Standing, reason: str) -> Standing:
    """Refused alone and for good."""
    return replace(
        one, state=State.DEAD, sent=None, reason=reason, attempts=one.attempts + 1, due_at=None, waiting_on=None
    )


def postponed(one: Standing, reason: str, due_at: str) -> Standing:
    """Refused alone, for a cause that may pass."""
    return replace(one, state=State.RETRY, sent=None, reason=reason, attempts=one.attempts + 1, due_at=due_at)


def waiting(one: Standing, rid: str) -> Standing:
    """Refers to what is not on the server."""
    return replace(one, state=State.WAITING, sent=None, waiting_on=rid, reason=None)


def forgotten(one: Standing, version: str | None) -> Standing:
    """The server has lost what it took; ``version`` is the earlier one that it still holds, if it holds any."""
    server_id = one.server_id if version is not None else None
    return replace(
        one,
        state=State.PENDING,
        sent=None,
        delivered=None,
        version=version,
        attempts=0,
        due_at=None,
        reason=None,
        waiting_on=None,
        server_id=server_id,
    )


def _settled(one: Standing, delivered: Kept | None, version: str | None, attempts: int) -> Standing:
    """Nothing is in flight any more; what is still to be sent is pending."""
    done = delivered is not None and delivered.digest == one.desired.digest
    state = State.SENT if done else State.PENDING
    return Standing(
        one.id,
        one.rid,
        one.type,
        one.lane_id,
        state,
        one.desired,
        None,
        delivered,
        version,
        attempts,
        server_id=one.server_id,
        is_retired=one.is_retired,
    )


def judge(one: Standing, found: Found, contents: Mapping[int, bytes]) -> Standing:
    """What follows from reading the server.

    ``contents`` has the bodies by their numbers, as the server has them. A resource that is to be sent ends as pending
    only if sending it, with the version that is then kept, overwrites nothing but what we sent ourselves.
    """
    if found is None:
        if (one.sent or one.desired).is_gone:
            return deleted(one)
        if one.is_retired:
            return over(one)
        if one.delivered is None or one.delivered.is_gone:
            return replace(returned(one, None), server_id=None)
        return conflicting(one, DELETED)
    if isinstance(found, Several):
        return conflicting(one, SEVERAL)
    version = version_id(found)
    if version is not None and version == one.version:
        return returned(one, version)
    if one.sent is not None and _says(found, one.sent, contents):
        return confirmed(one, version)
    if _says(found, one.desired, contents):
        return adopted(one, version)
    if one.delivered is None:
        return conflicting(one, FOREIGN)
    if _says(found, one.delivered, contents):
        return returned(one, version)
    return conflicting(one, CHANGED)


def _says(found: JsonObject, kept: Kept, contents: Mapping[int, bytes]) -> bool:
    return not kept.is_gone and holds(found, contents[kept.body_id])


def heard(row: Standing, found: Found, bodies: Mapping[int, bytes], given: str | None) -> Standing:
    """The step that follows from what was found; ``given`` is the id that the server gave it."""
    after = judge(row, found, bodies)
    if given is not None:
        after = replace(after, server_id=given)
    # What is postponed may be read with the rest of its type, and stays postponed.
    return row if row.state is State.RETRY and after.state is State.PENDING else after

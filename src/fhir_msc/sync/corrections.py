"""Possible corrections, and a person's answer to them.

A corrected date or term gives a row another key; what is new is held, for sending it would double what the server has
under the earlier key (see ``presence``). The answer *same* lets the row go on under the earlier id, from then on in
every staging, in its own body and in all that refers to it. The answer *new* lets it go as something of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal, get_args

from sqlalchemy import Connection, delete, false, insert, select, update

from fhir_msc.desired import Desired
from fhir_msc.errors import UsageError
from fhir_msc.findings import Origin
from fhir_msc.sync import audit
from fhir_msc.sync.accounts import origins
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.states import State
from fhir_msc.sync.tables import UNFINISHED, correction, instant, resource, staged

Answer = Literal["same", "new"]
"""Whether the corrected row is the earlier one, or a thing of its own."""

_twin = resource.alias("twin")


@dataclass(frozen=True, slots=True)
class Held:
    """A new key that may be the correction of a vanished one: both rids, and the cells of both."""

    type: str
    rid: str
    twin: str
    origins: tuple[Origin, ...]
    twin_origins: tuple[Origin, ...]


class Returned(Exception):
    """An earlier key has come back beside the one that goes on under its id, in its table or in another, or two keys go
    on under it: they are two after all."""

    def __init__(self, rids: frozenset[str]) -> None:
        super().__init__("a corrected key returned")
        self.rids = rids


def held(ledger: Ledger) -> list[Held]:
    """What waits for an answer, in the order of types and rids."""
    with ledger.begin() as connection:
        rows = connection.execute(
            select(resource.c.id, resource.c.type, resource.c.rid, _twin.c.rid.label("twin"), resource.c.twin_id)
            .join(_twin, _twin.c.id == resource.c.twin_id)
            .where(
                UNFINISHED,
                resource.c.target_id == ledger.target_id,
                resource.c.state == State.HELD,
                resource.c.vanished == false(),
            )
            .order_by(resource.c.type, resource.c.rid)
        ).all()
        return [
            Held(row.type, row.rid, row.twin, origins(connection, row.id), origins(connection, row.twin_id))
            for row in rows
        ]


def settle(ledger: Ledger, rid: str, answer: Answer, reason: str, actor: str, now: datetime) -> None:
    """A person's answer, with the reason, into the audit; the next sync acts on it. Until then another answer takes its
    place. Raises UsageError."""
    if answer not in get_args(Answer):
        raise UsageError("the answer is same or new")
    found = next((one for one in held(ledger) if one.rid == rid), None)
    if found is None:
        raise UsageError("no key of this name is held as a possible correction", hint="list them: fhir-msc corrections")
    with ledger.begin() as connection:
        row = (UNFINISHED, resource.c.target_id == ledger.target_id, resource.c.rid == rid)
        taken_back = connection.execute(
            delete(correction).where(correction.c.target_id == ledger.target_id, correction.c.rid == rid)
        ).rowcount
        if answer == "same" or taken_back:
            # Whatever refers to it must be made anew.
            connection.execute(update(staged).where(staged.c.target_id == ledger.target_id).values(fingerprint=None))
        if answer == "new":
            # The twin stays named: what was said once is not asked again.
            values = {"state": State.PENDING, "reason": None, "changed_at": instant(now)}
            connection.execute(update(resource).where(*row).values(values))
        else:
            if other := _goes_on(connection, ledger.target_id, found.twin):
                raise UsageError(
                    f"{other} goes on as {found.twin} already, and is in the source, too",
                    hint="only one of them can be the earlier one: answer --new for this one",
                )
            connection.execute(insert(correction).values(target_id=ledger.target_id, rid=rid, continues=found.twin))
        said = f"{'the same as' if answer == 'same' else 'another than'} {found.twin}: {reason}"
        audit.append(connection, ledger.target, actor, [audit.Event("settled", found.type, rid, reason=said)], now)


def _goes_on(connection: Connection, target_id: int, twin: str) -> str | None:
    """The key of which a person said that it goes on under this one, if it has not vanished since."""
    found: str | None = connection.execute(
        select(correction.c.rid)
        .join(resource, (resource.c.rid == correction.c.rid) & (resource.c.target_id == target_id))
        .where(correction.c.target_id == target_id, correction.c.continues == twin, resource.c.vanished == false())
        .order_by(correction.c.rid)
        .limit(1)
    ).scalar()
    return found


def take_back(ledger: Ledger, rids: frozenset[str], actor: str, now: datetime) -> None:
    """Forgets the answers *same* for these earlier rids, whose rows have returned."""
    with ledger.begin() as connection:
        mine = (correction.c.target_id == ledger.target_id, correction.c.continues.in_(sorted(rids)))
        events = [
            audit.Event("settled", "", row.rid, reason=f"another than {row.continues}: both are in the source")
            for row in connection.execute(select(correction).where(*mine).order_by(correction.c.rid))
        ]
        connection.execute(delete(correction).where(*mine))
        connection.execute(update(staged).where(staged.c.target_id == ledger.target_id).values(fingerprint=None))
        audit.append(connection, ledger.target, actor, events, now)


def continuing(connection: Connection, target_id: int) -> Mapping[str, str]:
    """The rids that go on under others."""
    found = select(correction.c.rid, correction.c.continues).where(correction.c.target_id == target_id)
    known = dict(connection.execute(found).all())
    return {rid: _last(rid, known) for rid in known}


def given_elsewhere(
    connection: Connection, target_id: int, rids: Collection[str], source: str, absent: Collection[str]
) -> set[str]:
    """Those of the rids that came last from another table than this one, which is not absent."""
    if not rids:
        return set()
    found = select(resource.c.rid).where(
        resource.c.rid.in_(rids),
        resource.c.target_id == target_id,
        resource.c.source != source,
        resource.c.source.not_in(absent),
        resource.c.vanished == false(),
    )
    return set(connection.execute(found).scalars())


def continued(one: Desired, others: Mapping[str, str]) -> Desired:
    """The resource under the ids that its own and its references go on under."""
    renamed = [rid for rid in dict.fromkeys((one.rid, *one.refs)) if rid in others]
    if not renamed:
        return one
    body = one.body
    for rid in renamed:
        # An id stands in bodies and nowhere else: it is the hex of a keyed digest.
        body = body.replace(rid.encode(), others[rid].encode())
    refs = tuple(others.get(rid, rid) for rid in one.refs)
    return one._replace(rid=others.get(one.rid, one.rid), body=body, digest=sha256(body).digest(), refs=refs)


def _last(rid: str, known: Mapping[str, str]) -> str:
    """A correction of a correction goes on under the first id."""
    seen = {rid}
    while (further := known.get(rid)) is not None and further not in seen:
        seen.add(further)
        rid = further
    return rid

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_msc.sync.standing import CHANGED, DELETED, FOREIGN, Kept, Standing, confirmed, judge, leased, returned
from fhir_msc.sync.states import State, after_staging
from fhir_msc.target.fhirjson import parse

CONTENTS = {1: b'{"v":1}', 2: b'{"v":2}', 3: b'{"v":3}'}
KEPT = {number: Kept(bytes([number]), number) for number in CONTENTS}
NEW = Standing(7, "o1", "Observation", 1, State.PENDING, KEPT[3])
KNOWN = replace(NEW, delivered=KEPT[1], version="4")
UNKNOWN = replace(KNOWN, state=State.UNKNOWN, sent=KEPT[2])


def on_server(value: int, version: str | None) -> bytes:
    meta = f',"meta":{{"versionId":"{version}"}}' if version else ""
    return f'{{"v":{value}{meta}}}'.encode()


@pytest.mark.parametrize(
    ("before", "found", "state", "version", "delivered", "reason"),
    [
        # what the ledger does not know is read before it is written
        (NEW, None, State.PENDING, None, None, None),
        (NEW, on_server(3, "9"), State.SENT, "9", 3, None),
        (NEW, on_server(8, "9"), State.CONFLICT, None, None, FOREIGN),
        # a version conflict: only what we sent ourselves is overwritten
        (KNOWN, on_server(1, "4"), State.PENDING, "4", 1, None),
        (KNOWN, on_server(1, "5"), State.PENDING, "5", 1, None),
        (KNOWN, on_server(3, "5"), State.SENT, "5", 3, None),
        (KNOWN, on_server(8, "5"), State.CONFLICT, "4", 1, CHANGED),
        (KNOWN, None, State.CONFLICT, "4", 1, DELETED),
        # an unknown outcome, with a newer body desired meanwhile
        (UNKNOWN, on_server(1, "4"), State.PENDING, "4", 1, None),
        (UNKNOWN, on_server(2, "5"), State.PENDING, "5", 2, None),
        (UNKNOWN, on_server(3, "6"), State.SENT, "6", 3, None),
        (UNKNOWN, on_server(8, "6"), State.CONFLICT, "4", 1, CHANGED),
        # an unknown outcome, nothing newer
        (replace(UNKNOWN, desired=KEPT[2]), on_server(2, "5"), State.SENT, "5", 2, None),
        (replace(UNKNOWN, delivered=None, version=None), None, State.PENDING, None, None, None),
        # a server without versions: what it holds is compared every time
        (replace(KNOWN, version=None), on_server(1, None), State.PENDING, None, 1, None),
        (replace(KNOWN, version=None), on_server(8, None), State.CONFLICT, None, 1, CHANGED),
        # a conflict is over when the server holds again what was last sent, or what is desired
        (replace(KNOWN, state=State.CONFLICT), on_server(1, "6"), State.PENDING, "6", 1, None),
        (replace(KNOWN, state=State.CONFLICT, desired=KEPT[1]), on_server(1, "6"), State.SENT, "6", 1, None),
        (replace(KNOWN, state=State.CONFLICT), on_server(8, "6"), State.CONFLICT, "4", 1, CHANGED),
    ],
)
def test_judge(
    before: Standing, found: bytes | None, state: State, version: str | None, delivered: int | None, reason: str | None
) -> None:
    after = judge(before, parse(found) if found else None, CONTENTS)
    assert (after.state, after.version, after.reason) == (state, version, reason)
    assert (after.delivered.body_id if after.delivered else None) == delivered
    assert after.sent is None


def test_an_answer_confirms_what_was_sent_not_what_is_desired_by_now() -> None:
    in_flight = replace(leased(KNOWN), desired=KEPT[2])
    after = confirmed(in_flight, "5")
    assert (after.state, after.delivered, after.version) == (State.PENDING, KEPT[3], "5")
    assert returned(in_flight, "4").state is State.PENDING


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("delivered", [True, False])
def test_staging_leaves_what_is_in_flight_in_conflict_or_held(state: State, delivered: bool) -> None:
    after = after_staging(state, changed=True, delivered=delivered)
    if state in (State.LEASED, State.UNKNOWN, State.CONFLICT, State.HELD):
        assert after is state
    else:
        assert after is (State.SENT if delivered else State.PENDING)
    assert after_staging(state, changed=False, delivered=delivered) is state

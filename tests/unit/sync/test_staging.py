from __future__ import annotations

import pytest
from sqlalchemy import Table, func, select, update

from fhir_msc.desired import Desired
from fhir_msc.errors import SourceError, UsageError
from fhir_msc.findings import Finding, Severity
from fhir_msc.sync.accounts import accounts, findings
from fhir_msc.sync.corrections import held, settle
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.staging import Staged, StagingReport, TableReport, stage
from fhir_msc.sync.states import State
from fhir_msc.sync.status import status
from fhir_msc.sync.tables import body, origin, reference, resource
from tests.support.desiredset import SetOf, TableOf, by_table
from tests.support.desiredset import resource as desired
from tests.support.ledgers import FakeTime

STUDY = desired("ResearchStudy", "s1", "", table="study")
PATIENT = desired("Patient", "p1", "p1", refs=[STUDY], table="DM")


def obs(rid: str, value: str = "1.50", row: int = 1, loose: bytes | None = None, lane: str = "p1") -> Desired:
    return desired("Observation", rid, lane, value=value, refs=[PATIENT], row=row, loose=loose)


def only(report: StagingReport) -> TableReport:
    (table,) = report.tables
    return table


def rows(ledger: Ledger) -> dict[str, tuple[str, bool, str | None]]:
    with ledger.begin() as connection:
        found = connection.execute(select(resource.c.rid, resource.c.state, resource.c.vanished, resource.c.reason))
        return {row.rid: (row.state, row.vanished, row.reason) for row in found}


def count(ledger: Ledger, table: Table) -> int:
    with ledger.begin() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def pretend_sent(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        connection.execute(
            update(resource)
            .where(resource.c.state == State.PENDING, ~resource.c.vanished)
            .values(
                state=State.SENT,
                server_version="1",
                delivered_digest=resource.c.desired_digest,
                delivered_body=resource.c.desired_body,
            )
        )


def test_new_changed_same_moved(ledger: Ledger, time: FakeTime) -> None:
    report = only(stage(ledger, by_table(*[obs(f"o{n}", row=n) for n in range(5)]), time()))
    assert (report.outcome, report.new, report.changed, report.same) == (Staged.STAGED, 5, 0, 0)
    assert count(ledger, reference) == count(ledger, origin) == count(ledger, body) == 5
    pretend_sent(ledger)
    again = [obs("o0", row=1), obs("o1", "9.9", row=2), *[obs(f"o{n}", row=n) for n in (2, 3, 4, 5)]]
    report = only(stage(ledger, by_table(*again), time()))
    assert (report.new, report.changed, report.same, report.superseded) == (1, 1, 4, 0)
    states = {rid: state for rid, (state, _, _) in rows(ledger).items()}
    assert states == {"o0": "sent", "o1": "pending", "o2": "sent", "o3": "sent", "o4": "sent", "o5": "pending"}
    with ledger.begin() as connection:
        found = connection.execute(select(resource.c.rid, origin.c.row).join(origin).order_by(resource.c.rid))
        assert [tuple(row) for row in found] == [("o0", 1), ("o1", 2), ("o2", 2), ("o3", 3), ("o4", 4), ("o5", 5)]
    assert count(ledger, body) == 7  # the delivered body of o1 is kept beside the desired one


def test_an_equal_fingerprint_is_not_read(ledger: Ledger, time: FakeTime) -> None:
    found = Finding("MSC-X-001", Severity.WARNING, "m", value="v")
    table = TableOf("LB", [obs("o1")], findings=[found])
    stage(ledger, SetOf(table), time())
    assert only(stage(ledger, SetOf(table), time())).outcome is Staged.UNCHANGED
    assert table.streamed == 1
    with ledger.begin() as connection:
        assert list(findings(connection, ledger.target_id)) == [found]
        assert accounts(connection, ledger.target_id) == (table.account,)


def test_of_two_with_one_rid_the_later_counts(ledger: Ledger, time: FakeTime) -> None:
    many = [obs("o1", "1.0"), obs("o2"), obs("o1", "2.0"), obs("o3"), obs("o1", "3.0")]
    stage(ledger, by_table(*many), time())
    with ledger.begin() as connection:
        content = connection.execute(
            select(body.c.content).join(resource, resource.c.desired_body == body.c.id).where(resource.c.rid == "o1")
        ).scalar_one()
    assert b'"valueDecimal":3.0' in content
    assert count(ledger, body) == 3


def test_a_pending_version_is_superseded_and_one_that_was_delivered_is_no_change(
    ledger: Ledger, time: FakeTime
) -> None:
    stage(ledger, by_table(obs("o1", "1.0")), time())
    assert only(stage(ledger, by_table(obs("o1", "2.0")), time())).superseded == 1
    assert count(ledger, body) == 1
    pretend_sent(ledger)
    stage(ledger, by_table(obs("o1", "3.0")), time())
    assert rows(ledger)["o1"][0] == "pending"
    stage(ledger, by_table(obs("o1", "2.0")), time())
    assert rows(ledger)["o1"][0] == "sent"
    assert count(ledger, body) == 1


def test_what_is_in_flight_keeps_its_own_body(ledger: Ledger, time: FakeTime) -> None:
    stage(ledger, by_table(obs("o1", "1.0")), time())
    with ledger.begin() as connection:
        connection.execute(
            update(resource).values(
                state=State.UNKNOWN, sent_digest=resource.c.desired_digest, sent_body=resource.c.desired_body
            )
        )
    stage(ledger, by_table(obs("o1", "2.0")), time())
    assert rows(ledger)["o1"][0] == "unknown"
    with ledger.begin() as connection:
        sent = connection.execute(select(body.c.content).join(resource, resource.c.sent_body == body.c.id)).scalar_one()
    assert b'"valueDecimal":1.0' in sent


def test_vanished_is_reported_and_nothing_more(ledger: Ledger, time: FakeTime) -> None:
    stage(ledger, by_table(obs("o1"), obs("o2"), obs("o3")), time())
    pretend_sent(ledger)
    report = only(stage(ledger, by_table(obs("o1")), time()))
    assert report.vanished == 2
    assert rows(ledger) == {"o1": ("sent", False, None), "o2": ("sent", True, None), "o3": ("sent", True, None)}
    (finding,) = status(ledger).findings
    assert (finding.rule, finding.severity, finding.count) == ("MSC-SYNC-003", Severity.WARNING, 2)
    assert [item.rid for item in status(ledger).vanished.items] == ["o2", "o3"]
    report = only(stage(ledger, by_table(obs("o1"), obs("o2"), obs("o3")), time()))
    assert (report.vanished, report.returned) == (0, 2)
    assert status(ledger).findings == ()


def test_a_new_key_like_a_vanished_one_is_held_until_that_returns(ledger: Ledger, time: FakeTime) -> None:
    stage(ledger, by_table(obs("o1", loose=b"a"), obs("o9", loose=b"z")), time())
    pretend_sent(ledger)
    corrected = by_table(
        obs("o2", loose=b"a"),
        obs("o3", loose=b"b"),
        obs("o4", loose=b"a", lane="p2"),
        obs("o9", loose=b"z"),
    )
    report = only(stage(ledger, corrected, time()))
    assert (report.new, report.vanished, report.held) == (3, 1, 1)
    assert rows(ledger)["o2"] == ("held", False, "MSC-SYNC-001")
    assert rows(ledger)["o3"][0] == rows(ledger)["o4"][0] == "pending"
    (item,) = status(ledger).held.items
    assert (item.rid, item.about, item.origins[0].table) == ("o2", "o1", "LB")
    (account,) = status(ledger).accounts
    assert (account.count("delivered"), account.outcomes["held", "MSC-SYNC-001"], account.rows) == (3, 1, 4)
    assert {f.rule for f in status(ledger).findings} == {"MSC-SYNC-001", "MSC-SYNC-003"}
    # a later one is not held against o1 while o2 stands
    later = TableOf("LB", [obs("o2", loose=b"a"), obs("o5", loose=b"a"), obs("o9", loose=b"z")])
    stage(ledger, SetOf(later), time())
    assert rows(ledger)["o5"][0] == "pending"
    # the vanished one returns: what was held against it is a row of its own
    report = only(stage(ledger, by_table(obs("o1", loose=b"a"), obs("o2", loose=b"a")), time()))
    assert (report.returned, report.held) == (1, 0)
    assert rows(ledger)["o2"] == ("pending", False, None)


def test_a_key_corrected_twice_is_held_against_the_delivered_one(ledger: Ledger, time: FakeTime) -> None:
    stage(ledger, by_table(obs("o1", loose=b"a")), time())
    pretend_sent(ledger)
    stage(ledger, by_table(obs("o2", loose=b"a")), time())
    stage(ledger, by_table(obs("o3", loose=b"a")), time())
    (item,) = status(ledger).held.items
    assert (item.rid, item.about) == ("o3", "o1")


def test_a_vanished_key_that_was_never_sent_doubles_nothing(ledger: Ledger, time: FakeTime) -> None:
    stage(ledger, by_table(obs("o1", loose=b"a")), time())
    stage(ledger, by_table(obs("o2", loose=b"a")), time())
    assert rows(ledger) == {"o1": ("pending", True, None), "o2": ("pending", False, None)}


def test_a_table_that_cannot_be_read_is_rolled_back_and_the_others_go_on(ledger: Ledger, time: FakeTime) -> None:
    stage(ledger, by_table(PATIENT, obs("o1"), obs("o2")), time())
    damaged = TableOf("LB", [obs(f"n{n}") for n in range(7)], error=SourceError("cut", file="lb.xpt"))
    changed = desired("Patient", "p1", "p1", value="2", refs=[STUDY], table="DM")
    report = stage(ledger, SetOf(damaged, TableOf("DM", [changed])), time())
    assert [table.outcome for table in report.tables] == [Staged.FAILED, Staged.STAGED]
    assert [str(error) for error in report.errors] == ["lb.xpt: cut"]
    assert set(rows(ledger)) == {"p1", "o1", "o2"}
    assert not any(vanished for _, vanished, _ in rows(ledger).values())


def test_a_missing_and_an_empty_table_leave_what_is_there(ledger: Ledger, time: FakeTime) -> None:
    whole = by_table(PATIENT, obs("o1"), obs("o2"))
    stage(ledger, whole, time())
    report = stage(ledger, SetOf(TableOf("LB", [])), time())
    assert {table.table: table.outcome for table in report.tables} == {"LB": Staged.EMPTY, "DM": Staged.MISSING}
    assert not any(vanished for _, vanished, _ in rows(ledger).values())
    assert [(f.rule, f.origins[0].table, f.count) for f in status(ledger).findings] == [
        ("MSC-SYNC-002", "DM", 1),
        ("MSC-SYNC-002", "LB", 2),
    ]
    stage(ledger, whole, time())
    assert status(ledger).findings == ()


def test_without_a_table_that_decides_of_all_others_none_is_staged(ledger: Ledger, time: FakeTime) -> None:
    consent = desired("Encounter", "e1", "p1", refs=[PATIENT], table="DS")
    stage(ledger, by_table(STUDY, PATIENT, consent, obs("o1")), time())
    pretend_sent(ledger)
    judged = SetOf(TableOf("study", [STUDY]), TableOf("DM", []), TableOf("LB", []), lacking=["CO", "DS"])
    report = stage(ledger, judged, time())
    assert {one.table: one.outcome for one in report.tables} == {
        "study": Staged.FAILED,
        "DM": Staged.FAILED,
        "LB": Staged.FAILED,
        "DS": Staged.MISSING,
    }
    assert report.unread == {"study", "DM", "LB", "DS"}
    assert {(error.file, error.table) for error in report.errors} == {("ds.csv", "DS")}
    assert not any(vanished for _, vanished, _ in rows(ledger).values())


def test_a_table_that_never_was_decides_of_nothing(ledger: Ledger, time: FakeTime) -> None:
    report = stage(ledger, SetOf(TableOf("LB", [obs("o1")]), lacking=["DS"]), time())
    assert only(report).outcome is Staged.STAGED


def test_two_corrected_keys_do_not_end_as_one(ledger: Ledger, time: FakeTime) -> None:
    first, second, third = (f"o{digit * 40}" for digit in "123")
    stage(ledger, by_table(PATIENT, obs(first, loose=b"x")), time())
    pretend_sent(ledger)
    for later in (second, third):
        stage(ledger, by_table(PATIENT, obs(later, loose=b"x")), time())
        settle(ledger, later, "same", "a typo", "dm", time())
        stage(ledger, by_table(PATIENT, obs(later, loose=b"x")), time())
        assert rows(ledger)[first][:2] == ("sent", False)
    both = [obs(second, "2.5", loose=b"x"), obs(third, "3.0", loose=b"x")]
    stage(ledger, by_table(PATIENT, *both), time())
    assert {one.rid for one in held(ledger)} == {second, third}
    settle(ledger, third, "same", "it is this one", "dm", time())
    with pytest.raises(UsageError, match=third):
        settle(ledger, second, "same", "this one, too", "dm", time())
    settle(ledger, second, "new", "another", "dm", time())
    stage(ledger, by_table(PATIENT, *both), time())
    kept = {rid: state for rid, (state, vanished, _) in rows(ledger).items() if not vanished and rid[0] == "o"}
    assert kept == {first: "pending", second: "pending"}


def test_rows_without_a_single_resource_are_no_empty_table(ledger: Ledger, time: FakeTime) -> None:
    """All rows are withheld by now, say: then nothing pending of them may leave."""
    stage(ledger, by_table(obs("o1")), time())
    stage(ledger, SetOf(TableOf("LB", [], rows=1)), time())
    assert rows(ledger)["o1"] == ("pending", True, None)


def test_a_dead_one_is_tried_again_when_its_body_changes(ledger: Ledger, time: FakeTime) -> None:
    stage(ledger, by_table(obs("o1"), obs("o2")), time())
    with ledger.begin() as connection:
        connection.execute(update(resource).values(state=State.DEAD, reason="422", attempts=3))
    stage(ledger, by_table(obs("o1", "7"), obs("o2", row=5)), time())
    assert rows(ledger) == {"o1": ("pending", False, None), "o2": ("dead", False, "422")}

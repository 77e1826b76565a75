from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from fhir_msc.errors import LedgerError, SourceError
from fhir_msc.sync import outbox
from fhir_msc.sync.course import Ended
from fhir_msc.sync.delivery import DeliveryReport
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.lock import project_lock
from fhir_msc.sync.staging import stage
from fhir_msc.sync.worker import work
from tests.support.desiredset import by_table
from tests.support.desiredset import resource as desired
from tests.support.ledgers import FakeTime


def report(ended: Ended = Ended.DONE) -> DeliveryReport:
    return DeliveryReport(ended, None, 0, 0, 0, 0, 0, {})


def looks(*answers: bool) -> Callable[[], bool]:
    left = list(answers)
    return lambda: left.pop(0) if left else False


def test_a_round_when_the_source_changed_or_something_is_due() -> None:
    time, rounds, beats = FakeTime(stop_after=6), list[float](), list[float]()

    def round() -> DeliveryReport:
        rounds.append(len(time.waits))
        return report()

    ran = work(
        round,
        changed=looks(True, False, False, True),
        due=looks(False, True),
        beat=lambda: beats.append(1),
        interval=60,
        random=lambda: 0.5,
        stop=time,
    )
    assert (ran, rounds) == (3, [0, 2, 3])
    assert time.waits == [60] * 6
    assert len(beats) == 12


def test_a_failed_round_is_not_the_end_and_the_next_comes_later() -> None:
    time = FakeTime(stop_after=4)
    outcomes = [SourceError("Jane Roe", file="x.csv"), LedgerError("locked"), report(Ended.BUSY), report()]

    def round() -> DeliveryReport:
        found = outcomes.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    with structlog.testing.capture_logs() as logs:
        work(
            round,
            changed=looks(True),
            due=looks(),
            beat=lambda: None,
            interval=10,
            random=lambda: 0.5,
            stop=time,
        )
    assert time.waits == [10.5, 11, 12, 10]  # 10 + half of 1, 2, 4; then well again
    assert [log.get("error") or log["outcome"] for log in logs] == ["SourceError", "LedgerError", "busy", "done"]
    assert "Jane" not in str(logs)


def test_a_fault_of_the_program_does_end_it() -> None:
    def round() -> DeliveryReport:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work(
            round,
            changed=looks(True),
            due=looks(),
            beat=lambda: None,
            interval=1,
            random=lambda: 0.5,
            stop=FakeTime(stop_after=1),
        )


def test_what_is_due(ledger: Ledger, time: FakeTime) -> None:
    def due() -> bool:
        with ledger.begin() as connection:
            return outbox.is_due(connection, ledger.target_id, time())

    assert not due()
    stage(ledger, by_table(desired("Patient", "p1", "p1", table="DM")), time())
    assert due()


def test_one_holder_at_a_time_and_the_second_is_told_who(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lock"
    with project_lock(path):
        with (
            pytest.raises(LedgerError, match=rf"another fhir-msc holds this project \(pid {os.getpid()}\)"),
            project_lock(path),
        ):
            pass
        code = (
            "import sys; from pathlib import Path; from fhir_msc.sync.lock import project_lock\n"
            "with project_lock(Path(sys.argv[1])): pass"
        )
        second = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
        assert f"pid {os.getpid()}" in second.stderr
    with project_lock(path):
        assert path.read_text() == f"{os.getpid()}\n"

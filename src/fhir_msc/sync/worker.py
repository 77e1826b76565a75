"""The worker's loop: a round when the source changed or something is due, else wait.

Nothing of a round ends the loop but ``stop``: an error of ours is logged by its kind, and the next round comes later,
the later the more rounds failed in a row.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from fhir_msc.errors import FhirMscError
from fhir_msc.sync.course import Ended, Random
from fhir_msc.sync.delivery import DeliveryReport
from fhir_msc.sync.dispatch import Stop
from fhir_msc.target.retry import backoff


def work(
    round: Callable[[], DeliveryReport | None],
    *,
    changed: Callable[[], bool],
    due: Callable[[], bool],
    beat: Callable[[], None],
    interval: float,
    random: Random,
    stop: Stop,
) -> int:
    """Runs rounds until ``stop`` is set, and gives their number.

    ``round`` stages and delivers; it gives ``None`` where nothing had to be asked of the server. ``changed`` looks at
    the source: whether it is another than at the last look (true at the first). ``due`` asks the ledger (see
    ``outbox.is_due``). ``beat`` is called before every round and every wait.
    ``interval`` is the wait between looks, in seconds.
    """
    rounds = failed = 0
    logger = structlog.get_logger()
    while not stop.is_set():
        beat()
        if failed or changed() or due():
            rounds += 1
            try:
                report = round()
            except FhirMscError as error:
                failed += 1
                logger.warning("round failed", error=type(error).__name__)
            else:
                failed = 0 if report is None or report.ended in (Ended.DONE, Ended.STOPPED) else failed + 1
                if report is not None:
                    logger.info("round", outcome=report.ended.value, new=report.created, changed=report.updated)
        beat()
        stop.wait(interval + (backoff(failed, None, random) if failed else 0.0))
    return rounds

"""``fhir-msc sync`` and ``fhir-msc worker``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, ShowValuesOption, TargetOption

if TYPE_CHECKING:
    from fhir_msc.access import Probed


def sync(
    project: ProjectOption = Path(),
    target: TargetOption = None,
    retry_dead: Annotated[
        bool, typer.Option("--retry-dead", help="Send dead letters once more, after the server was mended.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Read back all that was delivered, and send again what the server forgot.")
    ] = False,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Send exactly what this plan names, and nothing else.")
    ] = None,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Confirm that another pack or engine rewrites much of the target.")
    ] = False,
    json: JsonOption = False,
    show_values: ShowValuesOption = False,
) -> int:
    """Map what has changed, and send what the target lacks; every target, where there are several and none is named.
    Interrupted, the next sync goes on from there."""
    from fhir_msc.access import Surroundings
    from fhir_msc.cli import INTERRUPTED, Interrupted
    from fhir_msc.cli.plan import read_plan
    from fhir_msc.cli.report import console, print_json
    from fhir_msc.cli.standing import print_routes, print_synced, sync_exit_code, synced_document
    from fhir_msc.config import read_project
    from fhir_msc.errors import FhirMscError, RewriteError, TargetError
    from fhir_msc.pipeline import sync as run

    def show_routes(probed: Probed) -> None:
        if not json:
            print_routes(console(), probed)

    opened = read_project(project, target)
    keep_to = read_plan(plan, opened) if plan is not None else None
    targets = opened.each_target()
    codes: list[int] = []
    failed: list[FhirMscError] = []
    documents: dict[str, object] = {}
    with stopped_by_signals() as stop:
        for one in targets:
            if stop.is_set():
                codes.append(INTERRUPTED)
                break
            try:
                result = run(
                    one,
                    Surroundings(stop=stop),
                    retry_dead=retry_dead,
                    repair=repair,
                    rewrite=rewrite,
                    plan=keep_to,
                    show_routes=show_routes,
                )
            except (TargetError, RewriteError) as error:
                failed.append(error)  # of this target; the others go on
                continue
            codes.append(sync_exit_code(result))
            if json:
                documents[one.target[0]] = synced_document(result, show_values)
            else:
                print_synced(console(), result, show_values)
    if json and documents:
        print_json({"targets": documents} if len(targets) > 1 else documents[targets[0].target[0]])
    for other in failed[1:]:
        typer.echo(f"fhir-msc: {other}", err=True)
    if failed:
        raise failed[0]
    if INTERRUPTED in codes:
        raise Interrupted("interrupted; nothing is lost: the next sync goes on from there")
    return max(codes)


def worker(project: ProjectOption = Path(), target: TargetOption = None) -> int:
    """Keep the target in step: look at the source, stage, deliver, wait, until SIGTERM. Logs JSON lines on stderr."""
    from fhir_msc import logs
    from fhir_msc.access import Surroundings
    from fhir_msc.config import read_project
    from fhir_msc.pipeline import work

    logger = logs.configure()
    opened = read_project(project, target)
    names = ", ".join(one.target[0] for one in opened.each_target())
    with stopped_by_signals() as stop:
        logger.info("worker started", target=names)
        rounds = work(opened, Surroundings(stop=stop))
        logger.info("worker stopped", target=names, count=rounds)
    return 0


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set; a second signal ends the process as usual."""
    stop = threading.Event()
    before: dict[int, signal.Handlers | Callable[..., object] | int | None] = {}

    def on_signal(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for restored, handler in before.items():
            signal.signal(restored, handler)

"""A sync when nothing has changed."""

from __future__ import annotations

from fhir_msc.access import Surroundings
from fhir_msc.config import read_project
from fhir_msc.pipeline import sync
from tests.benchmarks.bench import Bench, middle, seconds, spread
from tests.benchmarks.report import Figure, Section
from tests.benchmarks.sink import BASE, Sink
from tests.benchmarks.study import new_trial, write_study

NAME = "nothing-changed"


def measure(bench: Bench) -> Section:
    """One first sync into a server in this process, then syncs of the same."""
    scale = bench.scale
    study = write_study(
        bench.study,
        bench.folder / "study",
        participants=scale.participants,
        rows=scale.lab_copies,
        of=("lb",),
    )
    trial = new_trial(bench.folder / "project", study, BASE)
    sink = Sink()

    def run() -> None:
        sync(read_project(trial), Surroundings(transport=sink.transport()))

    first = seconds(run)
    written, requests = sink.written, sink.requests
    again = [seconds(run) for _ in range(scale.repeats)]
    second = middle(again)
    rate = bench.facts.get("hapi resources a second")
    if rate is None:
        beside = Figure("time beside the first sync to HAPI", "- (needs the row first-sync)", "≤ 2 %")
    else:
        share = second / (written / rate)
        beside = Figure("time beside the first sync to HAPI", f"{share:.2%}", "≤ 2 %", share <= 0.02)
    return Section(
        NAME,
        "Nothing changed",
        f"{written:,} resources are staged and delivered to a server in the same process that takes everything;"
        f" then `sync` runs {scale.repeats} times on the same export (config read, every row read and digested,"
        " ledger asked). The first sync to HAPI is not run at this size: its time is the number of resources by"
        " the rate that the row *First sync to HAPI* found in the same run.",
        (
            Figure("resources written", str(sink.written - written), "0", sink.written == written),
            Figure("requests of any kind", str(sink.requests - requests)),
            beside,
            Figure("seconds", f"{second:.2f} ({spread(again)})"),
            Figure(
                "time beside the first sync to the server in this process", f"{second / first:.1%} of {first:.1f} s"
            ),
        ),
    )

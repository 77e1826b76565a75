"""The peak of resident memory when there is ten times as much."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.report import Figure, Section
from tests.benchmarks.sink import Sink
from tests.benchmarks.study import new_trial, write_study

NAME = "memory"
_MB = 1_000_000
_ROOT = Path(__file__).parents[2]


def measure(bench: Bench) -> Section:
    """``map`` and ``sync``, each on the study, on more rows and on more participants."""
    many, kept = bench.scale.many, bench.scale.participants
    once = write_study(bench.study, bench.folder / "once", participants=kept)
    rows = write_study(bench.study, bench.folder / "rows", participants=kept, rows=many)
    participants = write_study(bench.study, bench.folder / "participants", participants=kept, cohorts=many)
    figures: list[Figure] = []
    with Sink().served() as url:
        for command in ("map", "sync"):
            peaks: list[int] = []
            for study in (once, rows, participants):
                trial = new_trial(bench.folder / f"{command}-{study.name}", study, url, blind=False)
                output = ("--output", trial / "bodies.ndjson") if command == "map" else ()
                peaks.append(peak_of(command, "--project", trial, *output))
            base = peaks[0]
            figures.append(Figure(f"`{command}`, the study", f"{base / _MB:.0f} MB", "< 200 MB", base < 200 * _MB))
            for what, peak in zip(("rows", "participants"), peaks[1:], strict=True):
                figures.append(
                    Figure(
                        f"`{command}`, {many} times the {what}",
                        f"{peak / base:.2f}× ({peak / _MB:.0f} MB)",
                        "≤ 1.1×, < 200 MB",
                        peak <= 1.1 * base and peak < 200 * _MB,
                    )
                )
    return Section(
        NAME,
        "Memory",
        "Each command in a process of its own (`python -m tests.benchmarks.peak`), peak of resident memory as the"
        " system counts it. For more rows the tables AE, EC, EX, LB and VS of the study are multiplied, for more"
        " participants all tables that name them. An unblinded project, for there EC is joined with EX. `map`"
        " writes its bodies to a file; `sync` sends to a server on loopback, in another process, that takes"
        " everything.",
        tuple(figures),
    )


def peak_of(*arguments: object) -> int:
    """The peak of a ``fhir-msc`` command, in bytes."""
    command = [sys.executable, "-m", "tests.benchmarks.peak", *(str(argument) for argument in arguments)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"fhir-msc {arguments[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}")
    return int(done.stderr.split()[-1])

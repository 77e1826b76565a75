"""How long the command line takes to answer."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

from fhir_msc.config import read_project
from fhir_msc.desired import Desired
from fhir_msc.pipeline import checked
from tests.benchmarks.bench import Bench, middle, seconds, spread
from tests.benchmarks.report import Figure, Section
from tests.benchmarks.sink import BASE
from tests.benchmarks.study import new_trial, write_study

NAME = "command-line"
_FHIR_MSC = str(Path(sys.executable).parent / "fhir-msc")


def measure(bench: Bench) -> Section:
    """Python alone, ``--help`` and ``validate FILE``, in turns."""
    file = bench.folder / "observation.json"
    file.write_bytes(_one_body(bench))
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "help": [_FHIR_MSC, "--help"],
        "validate": [_FHIR_MSC, "validate", str(file)],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(bench.scale.starts):
        for name, command in commands.items():
            times[name].append(seconds(partial(_run, command)))
    bare = middle(times["python"])
    help, validate = middle(times["help"]), middle(times["validate"])
    return Section(
        NAME,
        "Command line",
        f"Wall time of a process, median of {bench.scale.starts}, in turns with a Python that does nothing; the file is"
        " one Observation.",
        (
            Figure("`fhir-msc --help`", f"{help:.2f} s ({spread(times['help'])})", "≤ 0.3 s", help <= 0.3),
            Figure(
                "`fhir-msc validate FILE`",
                f"{validate:.2f} s ({spread(times['validate'])})",
                "≤ 0.5 s",
                validate <= 0.5,
            ),
            Figure("`python -c pass`", f"{bare:.3f} s"),
            Figure("`--help` beside `python -c pass`", f"{help / bare:.1f}×"),
            Figure("`validate FILE` beside `python -c pass`", f"{validate / bare:.1f}×"),
        ),
    )


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _one_body(bench: Bench) -> bytes:
    study = write_study(bench.study, bench.folder / "study", participants=1)
    found: list[bytes] = []

    def keep(batch: list[Desired]) -> None:
        found.extend(one.body for one in batch if one.type == "Observation")

    checked(read_project(new_trial(bench.folder / "project", study, BASE)), keep=keep)
    return found[0]

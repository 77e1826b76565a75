"""Rows a second of every other table of the study, from its transport file to hashed, checked bodies."""

from __future__ import annotations

from fhir_msc.config import read_project
from fhir_msc.pipeline import desired_tables
from tests.benchmarks.bench import Bench, exhaust, middle, seconds
from tests.benchmarks.report import Figure, Section
from tests.benchmarks.sink import BASE
from tests.benchmarks.study import new_trial, write_study

NAME = "domains"
AIM = 20_000
ENOUGH = 1_000
"""A table of fewer rows than this tells how long its rules take to compile, not how fast its rows are."""


def measure(bench: Bench) -> Section:
    """Table by table; the roster is read before the clock starts."""
    scale = bench.scale
    cohorts = 2 * scale.lab_copies
    study = write_study(bench.study, bench.folder / "study", participants=scale.participants, cohorts=cohorts)
    project = read_project(new_trial(bench.folder / "project", study, BASE))
    rates: dict[str, list[float]] = {}
    for _ in range(scale.repeats):
        tables = [table for table in desired_tables(project).tables() if table.name != "study"]
        exhaust(tables[0])
        for table in tables:
            taken = seconds(lambda: exhaust(table))  # noqa: B023 - called at once
            if table.name != "LB" and table.account.rows >= (ENOUGH if scale.participants is None else 1):
                rates.setdefault(table.name, []).append(table.account.rows / taken)
    found = {name: middle(values) for name, values in sorted(rates.items(), key=lambda one: middle(one[1]))}
    slowest = min(found, key=lambda name: found[name])
    return Section(
        NAME,
        "The other tables",
        f"The tables of the study, each participant there {cohorts} times under other ids, that have at least"
        f" {ENOUGH:,} rows then; in one process and one thread: read, sealed (a blind project), joined, mapped, gated"
        f" by consent, built, checked and hashed. The median of {scale.repeats}.",
        (
            Figure(
                f"rows a second, the slowest table ({slowest})",
                f"{found[slowest]:,.0f}",
                f"≥ {AIM:,}",
                found[slowest] >= AIM,
            ),
            Figure("all of them", ", ".join(f"{name} {rate:,.0f}" for name, rate in found.items())),
        ),
    )

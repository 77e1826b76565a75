"""Rows of a transport file to hashed, checked bodies, beside fhir.resources on the same Observations."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import orjson

from fhir_msc.config import Project, read_project
from fhir_msc.desired import DesiredTable
from fhir_msc.pipeline import desired_tables
from tests.benchmarks.bench import Bench, exhaust, middle, seconds, spread
from tests.benchmarks.report import Figure, Section
from tests.benchmarks.sink import BASE
from tests.benchmarks.study import new_trial, write_study

NAME = "mapping"


def measure(bench: Bench) -> Section:
    """Alternates the two."""
    scale = bench.scale
    study = write_study(
        bench.study,
        bench.folder / "study",
        participants=scale.participants,
        rows=scale.lab_copies,
        of=("lb",),
    )
    project = read_project(new_trial(bench.folder / "project", study, BASE))
    results = [one.body for batch in _laboratory(project).stream() for one in batch if one.type == "Observation"]
    made = len(results)
    compared = results[:: max(1, made // scale.compared)]
    del results
    ours, theirs = [], []
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        other.submit(_modelled, compared).result()
        for _ in range(scale.repeats):
            ours.append(made / seconds(lambda: exhaust(_laboratory(project))))
            theirs.append(len(compared) / other.submit(_modelled, compared).result())
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=True)]
    return Section(
        NAME,
        "Rows to checked bodies",
        f"The laboratory table of the study {scale.lab_copies} times, {made:,} Observations, in one process"
        " and one thread: the transport file is read, rows are sealed (a blind project), mapped, gated by consent,"
        " built, checked and hashed, and the reports that they belong to with them; participants, consents and visits"
        " are read and the templates built anew each time. Beside it, in a process of"
        f" its own, fhir.resources (R4B) builds models of {len(compared):,} of the same Observations from dictionaries"
        " that stand ready and dumps them as JSON. Both alternate, neither while the other runs,"
        f" {scale.repeats} times; the median counts.",
        (
            Figure(
                "Observations a second", f"{middle(ours):,.0f} ({spread(ours, 0)})", "≥ 50,000", middle(ours) >= 50_000
            ),
            Figure("fhir.resources construct and dump, a second", f"{middle(theirs):,.0f} ({spread(theirs, 0)})"),
            Figure("ratio", f"{middle(ratios):.1f}× ({spread(ratios, 1)})", "≥ 10×", middle(ratios) >= 10),
        ),
    )


def _laboratory(project: Project) -> DesiredTable:
    return next(one for one in desired_tables(project).tables() if one.name == "LB")


def _modelled(bodies: Sequence[bytes]) -> float:
    """The seconds that fhir.resources takes for these."""
    from fhir.resources.R4B.observation import Observation  # by that process alone

    documents = [orjson.loads(body) for body in bodies]

    def all_of_them() -> None:
        for document in documents:
            Observation.model_validate(document).model_dump_json()

    return seconds(all_of_them)

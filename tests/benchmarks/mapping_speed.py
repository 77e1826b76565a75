"""Rows of a transport file to hashed, checked bodies, beside fhir.resources on the same Observations."""

from __future__ import annotations

import orjson
from fhir.resources.R4B.observation import Observation

from fhir_msc.config import Project, read_project
from fhir_msc.pipeline import desired_tables
from tests.benchmarks.bench import Bench, middle, seconds, spread
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
    bodies = _laboratory(project)
    step = max(1, len(bodies) // scale.compared)
    documents = [orjson.loads(body) for body in bodies[::step]]
    ours, theirs = [], []
    for _ in range(scale.repeats):
        ours.append(len(bodies) / seconds(lambda: _laboratory(project)))
        theirs.append(len(documents) / seconds(lambda: _modelled(documents)))
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Section(
        NAME,
        "Rows to checked bodies",
        f"The laboratory table of the study {scale.lab_copies} times, {len(bodies):,} Observations, in one process"
        " and one thread: the transport file is read, rows are sealed (a blind project), mapped, gated by consent,"
        " built, checked and hashed, and the reports that they belong to with them; participants, consents and visits"
        " are read and the templates built anew each time. Beside it fhir.resources (R4B) builds models of"
        f" {len(documents):,} of the same Observations from dictionaries that stand ready and dumps them as JSON. Both"
        f" alternate {scale.repeats} times; the median counts.",
        (
            Figure(
                "Observations a second", f"{middle(ours):,.0f} ({spread(ours, 0)})", "≥ 50,000", middle(ours) >= 50_000
            ),
            Figure("fhir.resources construct and dump, a second", f"{middle(theirs):,.0f} ({spread(theirs, 0)})"),
            Figure("ratio", f"{middle(ratios):.1f}× ({spread(ratios, 1)})", "≥ 10×", middle(ratios) >= 10),
        ),
    )


def _laboratory(project: Project) -> list[bytes]:
    table = next(one for one in desired_tables(project).tables() if one.name == "LB")
    return [one.body for batch in table.stream() for one in batch if one.type == "Observation"]


def _modelled(documents: list[dict[str, object]]) -> None:
    for document in documents:
        Observation.model_validate(document).model_dump_json()

"""The checks of one body, beside fhir.resources and HL7's Java engine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module

from pydantic import BaseModel

from fhir_msc.config import read_project
from fhir_msc.pipeline import checked
from fhir_msc.validation import validate
from tests.benchmarks.bench import Bench, middle, seconds
from tests.benchmarks.report import Figure, Section
from tests.benchmarks.sink import BASE
from tests.benchmarks.study import new_trial, write_study
from tests.support.engine import Hl7Engine, engine_unavailable_reason

NAME = "validation"


def measure(bench: Bench) -> Section:
    """All three on bodies of the study, from their bytes."""
    scale = bench.scale
    study = write_study(bench.study, bench.folder / "study", participants=scale.participants)
    bodies: list[tuple[str, bytes]] = []
    checked(
        read_project(new_trial(bench.folder / "project", study, BASE)),
        keep=lambda batch: bodies.extend((one.type, one.body) for one in batch),
    )
    compared = _sample(bodies, scale.compared)
    ours, theirs = [], []
    for _ in range(scale.repeats):
        ours.append(len(compared) / seconds(lambda: _checked(compared)))
        theirs.append(len(compared) / seconds(lambda: _modelled(compared)))
    figures = [
        Figure("bodies a second", f"{middle(ours):,.0f}"),
        Figure("fhir.resources, bodies a second", f"{middle(theirs):,.0f}"),
        Figure("beside fhir.resources", f"{middle(ours) / middle(theirs):.1f}×"),
        *_beside_engine(_sample(bodies, 2 * scale.judged), middle(ours)),
    ]
    return Section(
        NAME,
        "Checks",
        f"`validate` on {len(compared):,} bodies of all types of the study, from their bytes, whole (no template):"
        " structure, types, bindings, invariants, vital signs, units. fhir.resources (R4B) reads the same bytes"
        " into its models, which know structure and types, no bindings and no invariants; both alternate"
        f" {scale.repeats} times. HL7's Java engine (no network) gets {scale.judged} of them after as many others"
        " to warm it.",
        tuple(figures),
    )


def _beside_engine(bodies: Sequence[tuple[str, bytes]], rate: float) -> list[Figure]:
    what, aim = "beside HL7's engine", "≥ 500×"
    if reason := engine_unavailable_reason():
        return [Figure(what, f"- ({reason})", aim)]
    with Hl7Engine() as engine:
        for _, body in bodies[::2]:
            engine.validate(body)
        judged = bodies[1::2]
        theirs = len(judged) / seconds(lambda: [engine.validate(body) for _, body in judged])
        refused = sum(bool(engine.errors(body)) for _, body in judged)
    return [
        Figure("HL7's engine, bodies a second", f"{theirs:,.0f}"),
        Figure("of these bodies, refused by HL7's engine", f"{refused}"),
        Figure(what, f"{rate / theirs:,.0f}×", aim, rate / theirs >= 500),
    ]


def _sample(bodies: Sequence[tuple[str, bytes]], count: int) -> Sequence[tuple[str, bytes]]:
    return bodies[:: max(1, len(bodies) // count)][:count]


def _checked(bodies: Sequence[tuple[str, bytes]]) -> None:
    for _, body in bodies:
        if validate(body):
            raise RuntimeError("a body of the study has findings: its time says nothing")


def _modelled(bodies: Sequence[tuple[str, bytes]]) -> None:
    for name, body in bodies:
        _model(name).model_validate_json(body)


@cache
def _model(name: str) -> type[BaseModel]:
    found: type[BaseModel] = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    return found

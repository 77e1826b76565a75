"""The checks of one body, beside fhir.resources and HL7's Java engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module

from pydantic import BaseModel

from fhir_msc.config import read_project
from fhir_msc.pipeline import checked
from fhir_msc.validation import forget, validate
from tests.agreement.documents import examples as hl7_examples
from tests.benchmarks.bench import Bench, middle, seconds
from tests.benchmarks.report import Figure, Section
from tests.benchmarks.sink import BASE
from tests.benchmarks.study import new_trial, write_study
from tests.support.engine import Hl7Engine, engine_unavailable_reason
from tests.support.packages import npm_unavailable_reason

NAME = "validation"


def measure(bench: Bench) -> Section:
    """All three on bodies of the study, of all types and laboratory results alone, and on HL7's examples."""
    scale = bench.scale
    study = write_study(bench.study, bench.folder / "study", participants=scale.participants)
    bodies: list[tuple[str, bytes]] = []
    checked(
        read_project(new_trial(bench.folder / "project", study, BASE)),
        keep=lambda batch: bodies.extend((one.type, one.body) for one in batch),
    )
    laboratory = [(name, body) for name, body in bodies if name == "Observation" and b'"code":"laboratory"' in body]
    examples = [] if npm_unavailable_reason() else [one.text for one in hl7_examples()]
    figures = []
    with _engine() as engine:
        for what, some, aims in (("all types", bodies, (None, None)), ("laboratory results", laboratory, (5, 500))):
            figures += _of_bodies(what, some, aims, engine, bench)
        figures += _of_examples(_every(examples, 2 * scale.judged), engine, scale.repeats)
    return Section(
        NAME,
        "Checks",
        f"`validate` on {scale.compared:,} bodies of the study, of all types and laboratory results alone, from their"
        " bytes, whole (no template): structure, types, bindings, invariants, vital signs, units. fhir.resources (R4B)"
        " reads the same bytes into its models, which know structure and types, no bindings and no invariants; both"
        f" alternate {scale.repeats} times. HL7's Java engine (as published, no network) gets {scale.judged} of them"
        " after as many others to warm it; much of its time on such small bodies it reads a registry of OIDs, anew for"
        f" each. Of HL7's examples ({len(examples)}) every other warms the engine; both"
        f" check the rest, `validate` {scale.repeats} times."
        " What `validate` remembers of values is forgotten before each measurement.",
        tuple(figures),
    )


@contextmanager
def _engine() -> Iterator[Hl7Engine | None]:
    if engine_unavailable_reason():
        yield None
        return
    with Hl7Engine(optimise=True, as_published=True) as engine:
        yield engine


def _of_bodies(
    what: str,
    bodies: Sequence[tuple[str, bytes]],
    aims: tuple[int | None, int | None],
    engine: Hl7Engine | None,
    bench: Bench,
) -> list[Figure]:
    compared = _sample(bodies, bench.scale.compared)
    ours, theirs = [], []
    for _ in range(bench.scale.repeats):
        forget()
        ours.append(len(compared) / seconds(lambda: _checked(compared)))
        theirs.append(len(compared) / seconds(lambda: _modelled(compared)))
    rate, ratio = middle(ours), middle(ours) / middle(theirs)
    figures = [
        _figure(f"{what}: a second", f"{rate:,.0f}", 50_000 if aims[0] else None, rate, unit=""),
        Figure(f"{what}: fhir.resources, a second", f"{middle(theirs):,.0f}"),
        _figure(f"{what}: beside fhir.resources", f"{ratio:.1f}×", aims[0], ratio),
    ]
    if engine is not None:
        some = [body for _, body in _sample(bodies, 2 * bench.scale.judged)]
        judged = _judged(some, engine)
        refused = sum(bool(engine.errors(body)) for body in some[1::2])
        figures += [
            Figure(f"{what}: HL7's engine, a second", f"{judged:,.0f}"),
            Figure(f"{what}: refused by HL7's engine", f"{refused}"),
        ]
    else:
        judged = None
    return [*figures, _beside_engine(what, rate, judged, aims[1])]


def _of_examples(examples: Sequence[bytes], engine: Hl7Engine | None, repeats: int) -> list[Figure]:
    what = "HL7's examples"
    if engine is None or not examples:
        return [_beside_engine(what, 0, None, 100)]
    judged = _judged(examples, engine)
    measured = examples[1::2]
    for text in measured:
        validate(text)  # definitions load at the first document of a type
    rates = []
    for _ in range(repeats):
        forget()  # what was found of these values is no part of that
        rates.append(len(measured) / seconds(lambda: [validate(text) for text in measured]))
    rate = middle(rates)
    return [
        Figure(f"{what}: a second", f"{rate:,.0f}"),
        Figure(f"{what}: HL7's engine, a second", f"{judged:,.0f}"),
        _beside_engine(what, rate, judged, 100),
    ]


def _judged(bodies: Sequence[bytes], engine: Hl7Engine) -> float:
    """How many a second the engine checks of every other body, warmed by the rest."""
    for body in bodies[::2]:
        engine.validate(body)
    return len(bodies[1::2]) / seconds(lambda: [engine.validate(body) for body in bodies[1::2]])


def _beside_engine(what: str, rate: float, judged: float | None, aim: int | None) -> Figure:
    name = f"{what}: beside HL7's engine"
    if judged is None:
        reason = engine_unavailable_reason() or npm_unavailable_reason()
        return Figure(name, f"- ({reason})", f"≥ {aim:,}×" if aim else "")
    return _figure(name, f"{rate / judged:,.0f}×", aim, rate / judged)


def _figure(what: str, value: str, aim: int | None, found: float, unit: str = "×") -> Figure:
    return Figure(what, value, f"≥ {aim:,}{unit}", found >= aim) if aim else Figure(what, value)


def _every(texts: Sequence[bytes], count: int) -> Sequence[bytes]:
    """All of them in a full run, where the engine is given hundreds anyway; few in a quick one."""
    return texts if count >= 100 else texts[: max(count, 2)]


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

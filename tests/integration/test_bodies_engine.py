"""HL7's Java engine finds no error in what is really sent: one body of every shape of two studies, blind or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.engine import Hl7Engine
from tests.support.studybodies import Shapes, example_bodies, shapes, study_bodies

pytestmark = pytest.mark.hapi


def assert_no_errors(engine: Hl7Engine, bodies: Shapes) -> None:
    errors = {
        (type, message.location, message.message)
        for (type, _), body in bodies.items()
        for message in engine.errors(body)
    }
    assert not errors
    assert bodies


def test_the_example(hl7_engine: Hl7Engine, tmp_path: Path) -> None:
    blind, unblinded = (
        shapes(example_bodies(tmp_path / name, unblinded=name == "unblinded")) for name in ("blind", "unblinded")
    )
    # Of the many shapes that differ in which components or ranges are there, every third is asked.
    found = sorted((unblinded | blind).items())
    assert_no_errors(hl7_engine, {shape: body for i, (shape, body) in enumerate(found) if i % 3 == 0})


@pytest.mark.shared
def test_a_real_study(hl7_engine: Hl7Engine, shared: Path, tmp_path: Path) -> None:
    blind = shapes(study_bodies(shared, tmp_path / "blind"))
    unblinded = shapes(study_bodies(shared, tmp_path / "unblinded", "--unblinded"))
    assert_no_errors(hl7_engine, unblinded | blind)

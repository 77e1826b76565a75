"""HL7's suite of FHIRPath against the closures, which know all of it: what R4's definitions use, and the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fhir_msc.validation.definitions import type_named, type_names
from fhir_msc.validation.fhirpath import ExpressionError, Surroundings
from fhir_msc.validation.fhirpath.closures import evaluator
from fhir_msc.validation.fhirpath.items import EvaluationError, Items, Undecided, plain, resource_node
from fhir_msc.validation.fhirpath.lambdas import Frame
from fhir_msc.validation.fhirpath.operators import as_text
from fhir_msc.validation.fhirpath.parser import parse
from fhir_msc.validation.fhirpath.syntax import Call, Item, Literal, Operation, Sign, TypeTest, Variable
from fhir_msc.validation.fhirpath.values import Quantity, Temporal

pytestmark = pytest.mark.shared

REFUSALS = (ExpressionError, EvaluationError, Undecided)
# What only a check of the types along a path, before there is a document, could refuse.
STATIC = {
    *("testSimpleFail", "testSimpleWithWrongContext", "testPolymorphismB", "testPolymorphismAsB"),
    *("testPolymorphicsB", "testIif6"),
}


@dataclass(frozen=True)
class Case:
    """A test of the suite: what it asks of which document, and what it wants; ``None`` where it wants a refusal."""

    name: str
    expression: str
    document: str
    wanted: tuple[str, ...] | None
    as_condition: bool


def words(tree: object) -> Iterator[str]:
    """The functions, operators and literals that stand in a tree."""
    match tree:
        case Call(_, name, _):
            yield f"{name}()"
        case Operation(operator) | TypeTest(operator):
            yield operator
        case Sign(operator):
            yield f"{operator}x"
        case Item():
            yield "[]"
        case Variable(name):
            yield name
        case Literal(Temporal() | Quantity() as value):
            yield type(value).__name__
    if is_dataclass(tree):
        for field in fields(tree):
            value = getattr(tree, field.name)
            for part in value if isinstance(value, tuple) else (value,):
                yield from words(part)


def cases(folder: Path) -> Iterator[Case]:
    for test in ElementTree.parse(folder / "tests-fhir-r4.xml").iter("test"):
        expression = test.find("expression")
        assert expression is not None
        refused = expression.get("invalid") is not None
        outputs = tuple(sorted((output.text or "").lstrip("@").removeprefix("T") for output in test.findall("output")))
        yield Case(
            name=test.get("name", ""),
            expression=expression.text or "",
            document=Path(test.get("inputfile", "patient-example.xml")).stem,
            wanted=None if refused else outputs,
            as_condition=test.get("predicate") == "true",
        )


def answer(case: Case, document: object) -> tuple[str, ...] | None:
    items: Items = [resource_node(document)]
    try:
        found = evaluator(parse(case.expression))(items, Frame(Surroundings(document, document), items, items))
        if case.as_condition:
            return (str(bool(found)).lower(),)
        values = [plain(item) for item in found]
    except REFUSALS:
        return None
    return tuple(sorted("?" if value is None else as_text(value) for value in values))


def test_hl7_s_suite(shared: Path) -> None:
    folder = shared / "data" / "fhirpath-r4"
    documents = {path.stem: json.loads(path.read_bytes(), parse_float=Decimal) for path in folder.glob("*.json")}
    used = {
        word
        for name in type_names()
        for constraint in type_named(name).constraints.values()
        for word in words(parse(constraint.expression))
    }
    right, wrong, others_right, others = 0, set[str](), 0, 0
    for case in cases(folder):
        if case.document not in documents:  # 21 tests rest on documents that are not there
            continue
        same = answer(case, documents[case.document]) == case.wanted
        try:
            asked = {*words(parse(case.expression))}
        except ExpressionError:
            asked = set()
        if asked <= used:
            right += same
            wrong |= set() if same else {case.name}
        else:
            others += 1
            others_right += same
    assert wrong == STATIC
    assert right == 323
    assert right / (right + len(wrong)) > 0.98
    # What R4 does not use: no sort(), boundaries, precision(), no arithmetic of dates and quantities.
    assert (others_right, others) == (485, 585)

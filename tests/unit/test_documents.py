"""The documents say what is there: rules, links, rooms, commands."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.together  # the sources are parsed once

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "fhir_msc"
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "mappings/*/*.md", "examples/*/*.md", "tests/hapi/*.md")
    for path in ROOT.glob(pattern)
)
RULE = re.compile(r"MSC-[A-Z]+(?:-[A-Z0-9]+)+")
RULE_ROW = re.compile(r"\| `(MSC-[A-Z0-9-]+?)(-…)?` \| ([^|]+) \|")
FAMILY = "-…"


@cache
def modules() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py")))


@cache
def constants() -> dict[str, str]:
    """The names that modules give to rule ids."""
    named: dict[str, str] = {}
    for module in modules():
        for node in module.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and _is_rule(node.value.value):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        named[target.id] = str(node.value.value)
    return named


def rules_in_source() -> set[str]:
    """The rule ids that are used: whole ones, and as ``…-…`` those that an f-string continues."""
    found = set()
    for module in modules():
        definitions = {id(node.value) for node in module.body if isinstance(node, ast.Assign)}
        continued = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.FormattedValue)}
        others = definitions | continued
        for node in ast.walk(module):
            if isinstance(node, ast.expr) and id(node) not in others:
                found.add(_rule_of(node))
    return {rule for rule in found if rule is not None}


def _is_rule(value: object) -> bool:
    return isinstance(value, str) and RULE.fullmatch(value) is not None


def _rule_of(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and _is_rule(node.value):
        return str(node.value)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return constants().get(node.id)
    if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.FormattedValue):
        first = _rule_of(node.values[0].value)
        return None if first is None else first + FAMILY
    return None


def severities_in_source() -> Iterator[tuple[str, str]]:
    """Rule and severity, wherever both stand in one call."""
    errors = {"CellProblem", "Problem", "Rule"}
    for module in modules():
        for node in ast.walk(module):
            if not isinstance(node, ast.Call):
                continue
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            rules = [rule for one in given if (rule := _rule_of(one)) is not None]
            named = [
                one.attr.lower()
                for one in given
                if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "Severity"
            ]
            if isinstance(node.func, ast.Name) and node.func.id in errors:
                named = named or ["error"]
            if len(rules) == 1 and named:
                yield rules[0], named[0]


def documented_rules() -> dict[str, str]:
    text = (ROOT / "docs/rules.md").read_text("utf-8")
    rows = [(name + (more or ""), severity.strip()) for name, more, severity in RULE_ROW.findall(text)]
    assert len(rows) == len(dict(rows)), "a rule stands twice"
    return dict(rows)


def test_every_rule_that_the_code_knows_is_documented_and_no_other() -> None:
    assert set(documented_rules()) == rules_in_source()


def test_severities_are_those_of_the_code() -> None:
    found = list(severities_in_source())
    assert len({rule for rule, _ in found}) > len(documented_rules()) / 2
    documented = documented_rules()
    assert [(rule, severity) for rule, severity in found if documented[rule] != severity] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8"))
    local = [target.partition("#")[0] for target in targets if "://" not in target and not target.startswith("#")]
    # The pages under docs/reference are made when the site is built, which fails for a link that leads nowhere.
    made = ROOT / "docs/reference"
    paths = [document.parent / target for target in local]
    assert [str(path) for path in paths if not path.exists() and path.resolve().parent != made] == []


def named_paths(document: Path) -> Iterator[str]:
    """The paths of the project that stand in code spans."""
    for span in re.findall(r"`([^`\n]+)`", document.read_text("utf-8")):
        if re.fullmatch(r"(?:src|tests|docs|tools|mappings|examples)/[\w./-]+", span):
            yield span


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_that_are_named_are_there(document: Path) -> None:
    made_by_a_command = {"docs/agreement.md", "docs/benchmarks.md"}
    assert [
        path for path in named_paths(document) if path not in made_by_a_command and not (ROOT / path).exists()
    ] == []


def test_modules_and_tests_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    named = set(re.findall(r"`((?:[a-z_0-9]+/)*[a-z_0-9]+\.py)`", text))
    assert named
    missing = [
        path for path in sorted(named) if not any((base / path).exists() for base in (SOURCE, ROOT / "tests", ROOT))
    ]
    assert missing == []


def test_the_architecture_names_every_room() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    rooms = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.name for path in SOURCE.glob("*.py") if path.name != "__init__.py"}
    assert {room for room in rooms if f"`{room}`" not in text and f"`{room}/`" not in text} == set()


def test_the_architecture_names_the_layers_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    line = " → ".join(layer.replace("fhir_msc.", "").replace(" | ", ", ") for layer in layers)
    assert line in (ROOT / "docs/architecture.md").read_text("utf-8")


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_names_a_place_on_a_machine(document: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:work|home|root|Users|tmp)/\S*", document.read_text("utf-8")) == []


def test_every_target_of_the_makefile_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    spoken = re.compile(r"`make(?: PYTHON=\S+)? ([a-z-]+)")
    named = {name for document in DOCUMENTS for name in spoken.findall(document.read_text("utf-8"))}
    assert "test" in named
    assert named <= targets

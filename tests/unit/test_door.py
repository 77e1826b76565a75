"""The library's door: what it promises, that all of it is there and says what it is, and costs nothing till used."""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fhir_msc
import fhir_msc.testing
from fhir_msc.paths import AnyPath
from fhir_msc.resources import RANKS, builder_for, serialise
from fhir_msc.testing import check_pack
from tests.support.projects import new_project
from tests.unit.resources.samples import context, samples
from tools.public_names import docstrings

SOURCE = Path(fhir_msc.__file__)

_PROMISED = """
Account AdverseEvent Answer Arm ArmStep AuditVerdict BlindError Body Cause CellProduct Checked Coding Component
Concept Condition ConfigError Consent Criterion DeliveryReport Desired Disposition Drifted Element FhirMscError
FileFacts Finding Found Held Infusion Investigator Key LedgerError Links Medication Number OUTCOMES Observation
ObservationDescription
OpenSource Origin OutcomeMeasure OutcomeUnknown OwnBuilder Pack PackError Participant Place Plan PlannedVisit Probed
Profiles Progress Project Quantity Queries REPORT_FORMATS Reconciled Record ReferenceRange Refused Report
ResourceContext
Retirable RewriteError Row SandboxServer SealedSource Seals SecretError Selection Severity Site Source SourceError
SourceOptions
StagingReport Status Study StudyFact StudyPart Surroundings Synced Table TargetError TargetRefused TargetUnreachable
Total TrialRules
Unit Unreadable UsageError Verified Visit __version__ as_json as_model audited checked codeable_concept corrections_of
files_read find_pack in_order make_plan members_of open_source pack_findings participant_key period present probed
quantity queries_of read_baseline read_pack read_profiles read_project reconciled reference references rendered
report_of
retire serialise settle status_of study_of synced terminology_of validate validate_files vanished_of verify work
write_baseline
"""
PROMISED = _PROMISED.split()

RAISES = {
    "as_json": "ValueError",
    "as_model": "ValueError",
    "audited": "LedgerError",
    "checked": "PackError",
    "corrections_of": "LedgerError",
    "files_read": "SourceError",
    "find_pack": "PackError",
    "make_plan": "TargetError",
    "members_of": "SourceError",
    "open_source": "SourceError",
    "pack_findings": "PackError",
    "participant_key": "SecretError",
    "probed": "TargetError",
    "queries_of": "LedgerError",
    "read_baseline": "UsageError",
    "read_pack": "PackError",
    "read_profiles": "SourceError",
    "read_project": "ConfigError",
    "reconciled": "TargetError",
    "references": "UsageError",
    "rendered": "UsageError",
    "report_of": "SourceError",
    "retire": "UsageError",
    "serialise": "UsageError",
    "settle": "UsageError",
    "status_of": "LedgerError",
    "study_of": "SourceError",
    "synced": "TargetError",
    "terminology_of": "SecretError",
    "validate_files": "SourceError",
    "vanished_of": "LedgerError",
    "verify": "TargetError",
    "work": "LedgerError",
    "write_baseline": "UsageError",
}
"""What the docstring of a function must say that it raises, among others."""


def imported() -> dict[str, tuple[str, str]]:
    """The names of the block for type checkers, each with its module and its name there."""
    tree = ast.parse(SOURCE.read_text("utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    found: dict[str, tuple[str, str]] = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            found[alias.asname or alias.name] = (str(node.module), alias.name)
    return found


def test_it_promises_these_names_and_no_other() -> None:
    assert sorted(fhir_msc.__all__) == sorted(PROMISED)


def test_type_checkers_and_the_interpreter_see_the_same() -> None:
    assert imported() == fhir_msc._PLACES
    assert set(imported()) == set(fhir_msc.__all__)


@pytest.mark.parametrize("name", PROMISED)
def test_each_name_resolves(name: str) -> None:
    module, there = imported()[name]
    assert getattr(fhir_msc, name) is getattr(import_module(module), there)
    assert name in dir(fhir_msc)


def test_all_of_it_can_be_imported_at_once() -> None:
    names: dict[str, object] = {}
    exec("from fhir_msc import *", names)
    assert set(names) - {"__builtins__"} == set(PROMISED)


def test_no_name_is_that_of_a_room() -> None:
    """The import system sets a room's name on the package: which of the two was meant would depend on who was first."""
    assert {one.name for one in pkgutil.iter_modules(fhir_msc.__path__)}.isdisjoint(fhir_msc.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_ours'"):
        fhir_msc.nothing_of_ours  # noqa: B018


def test_each_says_what_it_is() -> None:
    assert [name for name, text in docstrings() if not text or not text.strip().endswith((".", "``"))] == []


def test_functions_say_what_they_raise() -> None:
    said = dict(docstrings())
    assert [name for name, error in RAISES.items() if not re.search(rf"\b{error}\b", said[name] or "")] == []
    functions = {name for name in fhir_msc.__all__ if inspect.isfunction(getattr(fhir_msc, name))}
    pure = {"codeable_concept", "in_order", "period", "present", "quantity", "reference"}
    assert functions - set(RAISES) == pure | {"validate"}, "which tells what is wrong, and raises nothing"


EXPORT = Path(__file__).parents[2] / "examples" / "misle-phase2" / "data"

GIVEN_BY_FUNCTIONS = {"OpenSource": "open_source", "Profiles": "read_profiles", "Project": "read_project"}
"""Classes whose objects a function of the door makes."""


def doors() -> Iterator[tuple[str, Callable[..., object]]]:
    """All that a caller can call: functions, what makes objects, and their methods."""
    for door in (fhir_msc, fhir_msc.testing):
        for name in door.__all__:
            found = getattr(door, name)
            if inspect.isfunction(found):
                yield name, found
            elif inspect.isclass(found):
                yield from (
                    (f"{name}.{method}", function)
                    for method, function in inspect.getmembers(found, inspect.isfunction)
                    if not method.startswith("_") or (method == "__init__" and name not in GIVEN_BY_FUNCTIONS)
                )


def test_who_takes_a_path_takes_it_in_any_form() -> None:
    said = [
        (f"{name}({part})", str(annotation))
        for name, function in doors()
        for part, annotation in inspect.get_annotations(function).items()
        if part != "return" and "Path" in str(annotation)
    ]
    assert len(said) >= 12
    assert [place for place, annotation in said if re.search(r"(?<!Any)Path", annotation)] == []


class Elsewhere:
    """A path that is neither text nor a Path."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return self.path


@pytest.mark.parametrize("form", [str, Path, Elsewhere])
def test_a_path_is_text_or_what_stands_for_one(
    form: Callable[[str], AnyPath], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new_project(tmp_path / "study", "misle-redcap", EXPORT / "edc", "http://127.0.0.1:1/fhir")
    (tmp_path / "a.json").write_text('{"resourceType": "Patient", "gender": "x"}')
    project = fhir_msc.read_project(form("study"))
    found = fhir_msc.validate_files(form("a.json"))
    assert found.found == fhir_msc.validate_files([form("a.json")]).found == 1
    fhir_msc.write_baseline(form("known.json"), found)
    assert fhir_msc.read_baseline(form("known.json")) == {one.fingerprint for one in found.findings}
    source = fhir_msc.open_source(form(str(project.source_path)))
    assert [table.name for table in source.tables()] == [table.name for table in project.open_source().tables()]
    assert fhir_msc.read_pack(form(str(fhir_msc.find_pack(form("sdtm"), form("."))))).tables
    for packages in (form("none.tgz"), [form("none.tgz")]):
        with pytest.raises(fhir_msc.SourceError, match=r"none\.tgz"):
            fhir_msc.read_profiles(packages)
    with fhir_msc.SandboxServer(database=form("sandbox.db")) as server:
        assert server.base_url
    assert (tmp_path / "sandbox.db").exists()
    check_pack(form(str(fhir_msc.find_pack("sdtm"))))


def test_importing_it_loads_none_of_the_rooms() -> None:
    ask = "import sys, fhir_msc; print([name for name in sys.modules if name.startswith('fhir_msc.')])"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout.strip() == "[]"


def test_checking_a_body_loads_no_http_no_database_and_no_models() -> None:
    ask = (
        "import sys, fhir_msc; fhir_msc.validate({'resourceType': 'Patient'}); fhir_msc.as_json(b'{}');"
        "print([name for name in ('httpx', 'sqlalchemy', 'starlette', 'fhir.resources') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout.strip() == "[]"


def test_reporting_on_files_loads_no_http_no_database_and_no_models(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"resourceType": "Patient", "gender": "x"}')
    ask = (
        "import sys, pathlib, fhir_msc; found = fhir_msc.validate_files([pathlib.Path('a.json')]);"
        "print(found.fails(), fhir_msc.rendered(found, 'csv').count(b'\\n'));"
        "print([name for name in ('httpx', 'sqlalchemy', 'starlette', 'pydantic', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split("\n") == ["True 2", "[]", ""], done.stderr


def test_the_conformance_checks_need_no_test_runner() -> None:
    ask = (
        "import sys, fhir_msc.testing as door; print(sorted(door.__all__),"
        "[name for name in ('pytest', 'hypothesis', 'httpx', 'sqlalchemy') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout.strip()
    assert said == "['Nonconformity', 'check_builder', 'check_pack'] []"


def test_a_body_as_json_is_the_same_body() -> None:
    for record, links in samples(blind=False):
        body = serialise(builder_for(type(record)).build(record, links, context(blind=False)))
        assert fhir_msc.serialise(fhir_msc.as_json(body)) == body


def _loops() -> dict[str, dict[str, object]]:
    """Documents without an end, or with one that no stack reaches."""
    itself: dict[str, object] = {"resourceType": "Patient"}
    itself["contained"] = [itself, itself]
    listed: list[object] = []
    listed.append(listed)
    deep: object = {"url": "http://x.example"}
    for _ in range(100_000):
        deep = {"url": "http://x.example", "extension": [deep]}
    return {
        "itself": itself,
        "unknown": {"resourceType": "Patient", "what": itself},
        "list": {"resourceType": "Patient", "name": listed},
        "deep": {"resourceType": "Patient", "extension": [deep]},
    }


@pytest.mark.parametrize("name", _loops())
def test_what_holds_itself_ends_at_once(name: str) -> None:
    body = _loops()[name]
    assert [found.rule for found in fhir_msc.validate(body)] == ["MSC-FHIR-STRUCTURE-DEPTH"]
    for function in (fhir_msc.serialise, fhir_msc.references):
        with pytest.raises(fhir_msc.UsageError):
            function(body)


def test_what_is_no_type_stands_in_no_path() -> None:
    """Nor a participant's name, nor what a terminal obeys."""
    for name in ("\x1b[2J", "Jane Roe", "x" * 65):
        (found,) = fhir_msc.validate({"resourceType": name})
        assert found.path == "resourceType"


def test_text_and_document_may_be_as_deep_as_each_other() -> None:
    for levels, is_taken in ((250, True), (254, True), (255, False)):
        inner: object = "x"
        for _ in range(levels):
            inner = [inner]
        body = {"resourceType": "Patient", "name": [inner]}
        rules = {found.rule for found in fhir_msc.validate(body)}
        assert ({"MSC-FHIR-STRUCTURE-DEPTH"} == rules) is not is_taken
        assert {found.rule for found in fhir_msc.validate(json.dumps(body))} == rules
    with pytest.raises(ValueError, match="nested"):
        fhir_msc.as_json(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


def test_every_type_of_body_as_a_model() -> None:
    seen = set()
    for record, links in samples(blind=False):
        builder = builder_for(type(record))
        model = fhir_msc.as_model(serialise(builder.build(record, links, context(blind=False))))
        assert (model.id, type(model).__name__) == (links.rid, builder.type)  # type: ignore[attr-defined]
        seen.add(builder.type)
    assert seen == set(RANKS)


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_numbers_keep_their_digits(number: str) -> None:
    body = b'{"value":' + number.encode() + b"}"
    found = fhir_msc.as_json(body)["value"]
    assert isinstance(found, Decimal | int)
    if number != "-0":
        assert fhir_msc.serialise({"value": found}) == body


def test_what_is_no_body_is_refused() -> None:
    for text in (b"[]", b"{", b'"Patient"'):
        with pytest.raises(ValueError, match=r"JSON object|Expecting"):
            fhir_msc.as_json(text)


def test_a_body_as_a_model() -> None:
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"CRP"},"valueQuantity":{"value":1.50}}'
    model = fhir_msc.as_model(body)
    assert type(model).__module__ == "fhir.resources.R4B.observation"
    assert model.valueQuantity.value == Decimal("1.50")  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="validation error"):
        fhir_msc.as_model(b'{"resourceType":"Observation","colour":"red"}')
    with pytest.raises(ValueError, match="not a valid FHIR Model"):
        fhir_msc.as_model(b'{"resourceType":"Nothing"}')

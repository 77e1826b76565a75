"""An integrator's own transforms: what they read, what they may not do, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_msc.errors import PackError
from fhir_msc.findings import Finding
from fhir_msc.mapping.examples import run_examples
from fhir_msc.mapping.own_transforms import own_transforms
from fhir_msc.mapping.pack import Pack, read_pack
from fhir_msc.mapping.transforms import NAMES
from fhir_msc.trial import Observation, Quantity
from tests.support.distributions import Installer
from tests.unit.mapping.memory import Memory, mapped, pack_of

LABS = """
table: labs
participant: pid
required: [pid]
key: [pid]
observation:
  preset: laboratory
  code: {constant: "loinc|1751-7|Albumin"}
  value: {from: result, as: TRANSFORM}
  note: {from: secret, as: shout}
"""
CODE = """
from __future__ import annotations
from fhir_msc import Number, Unreadable

SEEN = []

def roman(cell: str) -> Number:
    SEEN.append(cell)
    if not cell or set(cell) - set("I"):
        raise Unreadable("a Roman number is expected")
    return Number(str(len(cell)))

def shout(cell: str) -> str:
    SEEN.append(cell)
    return cell.upper() + "!"

def tells(cell: str) -> str:
    raise Unreadable(f"cannot read {cell}")

def tells_a_part(cell: str) -> str:
    raise Unreadable(f"no name of {cell.split()[-1].lower()}")

EXPECTED = "a name is expected"

def tells_what_is_expected(cell: str) -> str:
    raise Unreadable(EXPECTED)

def crashes(cell: str) -> str:
    raise RuntimeError(f"patient {cell}")

def wrong(cell: str) -> str:
    return None

def hexadecimal(cell: str) -> Number:
    return Number("0x1F")

def odd(cell: str) -> Number:
    return Number("1", "about")

def untold(cell):
    return cell

def abroad(cell: str) -> "Nowhere":
    return cell

CONSTANT = 3
"""
NAMED = (
    "roman",
    "shout",
    "tells",
    "tells_a_part",
    "tells_what_is_expected",
    "crashes",
    "wrong",
    "hexadecimal",
    "odd",
    "untold",
    "abroad",
)


@pytest.fixture
def code(installer: Installer) -> Installer:
    points = {name: f"mine:{name}" for name in NAMED} | {
        "number": "mine:CONSTANT",
        "gone": "mine:gone",
        "lost": "nope:x",
    }
    installer.install("mine", CODE, transforms=points)
    return installer


def labs(folder: Path, transform: str, head: str = "") -> Pack:
    return pack_of(folder, {"labs": LABS.replace("TRANSFORM", transform)}, head)


def observed(pack: Pack, *, blind: bool = False, **cells: str) -> tuple[list[Observation], tuple[Finding, ...]]:
    (row,) = mapped(
        pack, Memory({"labs": [{"pid": "P-1", "result": "III", "secret": "", **cells}]}), "labs", blind=blind
    )
    return [one for one in row.records if isinstance(one, Observation)], tuple(row.problems)


def test_it_reads_words_and_numbers(code: Installer, tmp_path: Path) -> None:
    (one,), _ = observed(labs(tmp_path, "roman"), secret="quiet")
    assert (one.value, one.note) == (Quantity("3"), "QUIET!")


def test_a_cell_that_it_cannot_read_costs_the_row(code: Installer, tmp_path: Path) -> None:
    records, (problem,) = observed(labs(tmp_path, "roman"), result="IV")
    assert (records, problem.rule, problem.message) == ([], "MSC-MAP-001", "a Roman number is expected")


@pytest.mark.parametrize("name", ["tells", "tells_a_part"])
def test_a_reason_that_may_hold_the_cell_is_not_told(code: Installer, tmp_path: Path, name: str) -> None:
    _, (problem,) = observed(labs(tmp_path, name), result="Mrs Jones")
    assert problem.message == f"the transform {name} cannot read it"


def test_a_reason_that_stands_in_the_module_is_told(code: Installer, tmp_path: Path) -> None:
    _, (problem,) = observed(labs(tmp_path, "tells_what_is_expected"), result="Mrs Jones")
    assert problem.message == "a name is expected"


def test_it_is_an_alternative_like_any_other(code: Installer, tmp_path: Path) -> None:
    text = LABS.replace("{from: result, as: TRANSFORM}", "[{from: result, as: roman}, {from: result, as: shout}]")
    (one,), _ = observed(pack_of(tmp_path, {"labs": text}), result="iv")
    assert one.value == "IV!"


def test_the_examples_of_the_pack_run_it(code: Installer, tmp_path: Path) -> None:
    row = "{pid: P-1, result: II}"
    examples = f'examples: [{{row: {row}, gives: {{value: "2"}}}}, {{row: {row}, gives: {{value: "3"}}}}]'
    (finding,) = run_examples(pack_of(tmp_path, {"labs": LABS.replace("TRANSFORM", "roman") + examples}))
    assert "not '3'" in finding.message


def test_in_a_blind_project_it_sees_no_sealed_cell(code: Installer, tmp_path: Path) -> None:
    pack = labs(tmp_path, "roman", "sealed: {columns: {labs: [secret]}}\n")
    observed(pack, secret="high dose")
    import mine  # type: ignore[import-not-found]

    assert "high dose" in mine.SEEN, "it would have seen it"
    mine.SEEN.clear()
    (one,), _ = observed(pack, blind=True, secret="high dose")
    assert (one.note, mine.SEEN) == (None, ["III"])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("crashes", "failed on a cell with RuntimeError"),
        ("wrong", "gave no text for a cell"),
        ("hexadecimal", "gave no number as JSON writes it for a cell"),
        ("odd", "gave no number as JSON writes it for a cell"),
        ("untold", "does not say what it returns"),
        ("abroad", "has an annotation that does not hold: NameError"),
        ("number", "is no function"),
        ("gone", "does not load: AttributeError"),
        ("lost", "does not load: ModuleNotFoundError"),
    ],
)
def test_what_is_wrong_with_it_is_told_by_its_entry_point(code: Installer, tmp_path: Path, name: str, why: str) -> None:
    pack = labs(tmp_path, name)
    with pytest.raises(PackError) as raised:
        observed(pack, result="Mrs Jones")
    assert f"entry point {name} = " in raised.value.message
    assert f"in fhir_msc.transforms of mine {why}" in raised.value.message
    assert "Jones" not in str(raised.value)
    assert raised.value.__cause__ is None or "Jones" not in str(raised.value.__cause__)


def test_nothing_is_loaded_that_no_pack_names(code: Installer, tmp_path: Path) -> None:
    (one,), _ = observed(labs(tmp_path, "text"), result="III")
    assert one.value == "III"
    code.install("broken", "raise SystemError", transforms={"never": "broken:never"})
    assert observed(labs(tmp_path, "text"))[0]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_that_is_built_in(installer: Installer, tmp_path: Path, name: str) -> None:
    installer.install("mine", CODE, transforms={name: "mine:shout"})
    with pytest.raises(PackError, match=f"entry point {name} = mine:shout .* has the name of what is built in"):
        labs(tmp_path, "text")


def test_no_name_twice(code: Installer, tmp_path: Path) -> None:
    code.install("theirs", CODE, transforms={"roman": "theirs:roman"})
    with pytest.raises(PackError, match=r"theirs:roman .* has the name of entry point roman = mine:roman"):
        own_transforms()


def test_an_unknown_name_is_told_with_those_that_are_installed(code: Installer, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"there is no transform 'romann'\n.*roman, shout"):
        observed(labs(tmp_path, "romann"))


def test_another_version_is_another_pack(code: Installer, tmp_path: Path) -> None:
    """Else a table whose rows are the same would not be mapped again."""
    texts = [labs(tmp_path, "roman").text]
    points = {name: f"mine:{name}" for name in NAMED}
    code.install("mine", CODE, version="1.1", transforms=points)
    texts.append(read_pack(tmp_path).text)
    assert texts[0] != texts[1]
    unnamed = LABS.replace("TRANSFORM", "text").replace(", as: shout", "")
    assert b"mine" not in pack_of(tmp_path, {"labs": unnamed}).text

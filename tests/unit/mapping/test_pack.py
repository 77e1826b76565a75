"""Mistakes in a pack, with their place; the schema that editors read; the packs that come along."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import jsonschema
import pytest

from fhir_msc.errors import PackError
from fhir_msc.mapping.checking import check_pack
from fhir_msc.mapping.compiler import reads
from fhir_msc.mapping.pack import find_pack, packs_folder, read_pack
from fhir_msc.mapping.schema import MODELS, schema_text
from fhir_msc.mapping.yaml_text import Tree, read_documents
from fhir_msc.resources.code_system import concepts
from fhir_msc.sources.opening import SourceOptions, open_source
from fhir_msc.sources.seals import Seals
from fhir_msc.ucum import is_unit
from tests.unit.mapping.memory import HEAD, Memory, mapped, pack_of

ROOT = Path(__file__).parents[3]
PACKS = sorted(path.parent for path in packs_folder().glob("*/pack.yaml"))
TABLE = """table: T
participant: ID
required: ID
key: [ID, DAY]
observation:
  preset: laboratory
  code: {from: TEST, table: tests.csv}
  when: {from: DAY, as: date}
  value: {from: RES, as: decimal, unit: {from: UNIT, table: units.csv}}
ignore: [NOTE]
"""
TESTS = "TEST,system,code,display\nA,loinc,1-8,A\n"
UNITS = "unit,ucum\ng/L,g/L\n"


def error(tmp_path: Path, text: str, head: str = "", **code_tables: str) -> str:
    def use() -> None:
        pack = pack_of(tmp_path, {"t": text}, head, **{"tests": TESTS, "units": UNITS, **code_tables})
        mapped(pack, Memory({"T": [{"ID": "S"}]}), "T")

    with pytest.raises(PackError) as raised:
        use()
    return raised.value.message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("preset:", "prest:", r"t\.yaml:6:3: unknown word 'prest' \(did you mean 'preset'\?\)"),
        ("as: date}", "az: date}", r"t\.yaml:8:21: unknown word 'az' \(did you mean 'as'\?\)"),
        ("ignore:", "ignroe:", r"t\.yaml:10:1: unknown word 'ignroe' \(did you mean 'ignore'\?\)"),
        (", table: units", ", tabel: units", r"t\.yaml:9:54: unknown word 'tabel' \(did you mean 'table'\?\)"),
        ("  preset: laboratory\n", "", r"t\.yaml:5:1: the word 'preset' is missing"),
        ("laboratory", "labs", r"t\.yaml:6:3: observation .*preset: "),
        ("participant: ID\n", "", r"t\.yaml:1:1: the word 'participant' is missing"),
        ("as: date}", "as: dat}", r"t\.yaml:1:1: there is no transform 'dat'"),
        ("tests.csv", "test.csv", r"t\.yaml:1:1: there is no code table test\.csv"),
        ("key: [ID, DAY]", "key: [ID, DAY]\nkey: [ID]", r"t\.yaml:5:1: key stands twice"),
        ("{from: UNIT, table: units.csv}", "furlong", r"t\.yaml:1:1: 'furlong' is not a UCUM unit"),
        ("key: [ID, DAY]", "key: [ID, DAY", r"t\.yaml:5:12: not YAML"),
        ("key: [ID, DAY]", "key: &a [ID, DAY]\nignore: *a", r"t\.yaml:|stands twice"),
        ("  when:", "  group: [DAY]\n  when:", r"t\.yaml:1:1: a table with a `group` needs `one-of-each: true`"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TABLE
    assert re.match(message, error(tmp_path, TABLE.replace(old, new, 1)))


@pytest.mark.parametrize("word", ["key: [ID, ARM]", "sponsor-id: ARM", "tie-breakers: ARM", "skip-unless-any: ARM"])
def test_a_sealed_column_is_in_no_key(tmp_path: Path, word: str) -> None:
    text = TABLE.replace("key: [ID, DAY]\n", "") + ("" if word.startswith("key") else "key: [ID, DAY]\n") + word + "\n"
    assert re.match(
        r"t\.yaml:\d+:1: ARM is sealed and can be in no key", error(tmp_path, text, "sealed: {columns: {T: AR*}}\n")
    )


def test_arms_that_are_treatments_are_sealed(tmp_path: Path) -> None:
    head = "arms-are-treatments: true\n"
    assert re.match(r"pack\.yaml:5:1: redcap_arm of T is not sealed", error(tmp_path, TABLE, head))
    pack_of(tmp_path, {"t": TABLE}, head + 'sealed: {columns: {"*": redcap_arm}}\n', tests=TESTS, units=UNITS)


def test_a_misspelt_word_of_the_head(tmp_path: Path) -> None:
    assert error(tmp_path, TABLE, "sealde: {}\n") == "pack.yaml:5:1: unknown word 'sealde' (did you mean 'sealed'?)"
    nested = error(tmp_path, TABLE, "sealed:\n  colums: {}\n")
    assert nested == "pack.yaml:6:3: unknown word 'colums' (did you mean 'columns'?)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TEST,system,code\nA,loinc\n", r"tests\.csv:2: 2 cells where the header has 3"),
        ("", r"tests\.csv:1: the header is missing"),
        ("A,A\n", r"tests\.csv:1: the header is missing, or names a column twice"),
    ],
)
def test_a_mistake_in_a_code_table(tmp_path: Path, text: str, message: str) -> None:
    assert re.match(message, error(tmp_path, TABLE, tests=text))


def test_what_no_pack_is(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="there is no such mapping pack") as raised:
        find_pack("sdmt")
    assert "did you mean 'sdtm'?" in (raised.value.hint or "")
    assert find_pack("sdtm").name == "sdtm"


def test_the_scalars_of_a_pack_are_text(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("a: NO\nb: 1.50\nc: 2020-01-01\nd: ~\non: true\n")
    [document] = read_documents(path, "t.yaml")
    assert document.tree == {"a": "NO", "b": "1.50", "c": "2020-01-01", "d": "", "on": "true"}


# The schema


def validator(file: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((packs_folder() / file).read_bytes()))


def schema_of(path: Path) -> str:
    return "pack.schema.json" if path.name == "pack.yaml" else "table.schema.json"


@pytest.mark.parametrize("file", MODELS)
def test_the_schemas_are_those_of_the_format(file: str) -> None:
    assert (packs_folder() / file).read_bytes() == schema_text(file), "python -m fhir_msc.mapping.schema mappings"
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(file)))


@pytest.mark.parametrize("folder", PACKS, ids=lambda path: path.name)
def test_the_packs_fit_their_schema(folder: Path) -> None:
    for path in folder.glob("*.yaml"):
        for document in read_documents(path, path.name):
            validator(schema_of(path)).validate(document.tree)


def misspelt(tree: Tree) -> list[Tree]:
    """The tree with each of its words in turn misspelt; what stands under cells and columns is no word."""
    found: list[Tree] = []
    if isinstance(tree, dict):
        for word, inner in tree.items():
            found.append({(f"{word}x" if name == word else name): value for name, value in tree.items()})
            if word not in (
                "map",
                "if",
                "row",
                "gives",
                "on",
                "missing",
                "not-mapped",
                "identifying",
                "columns",
                "rows",
            ):
                found += [{**tree, word: wrong} for wrong in misspelt(inner)]
    if isinstance(tree, list):
        for place, inner in enumerate(tree):
            found += [[*tree[:place], wrong, *tree[place + 1 :]] for wrong in misspelt(inner)]
    return found


def test_a_misspelt_word_is_found_by_the_schema_as_by_the_reader(tmp_path: Path) -> None:
    checked = validator("table.schema.json")
    (tmp_path / "pack.yaml").write_text(HEAD)
    path = find_pack("sdtm") / "ae.yaml"
    wrong = misspelt(read_documents(path, path.name)[0].tree)
    assert len(wrong) > 40
    for tree in wrong:
        assert not checked.is_valid(tree)
    for tree in wrong[::7]:
        (tmp_path / "ae.yaml").write_text(json.dumps(tree))
        with pytest.raises(PackError, match=r"^ae\.yaml:1:\d+: (unknown word|the word)"):
            read_pack(tmp_path)


# The check


def test_a_check_finds_what_does_not_fit(tmp_path: Path) -> None:
    head = "sealed: {tables: GONE, columns: {T: [ARM*, NEVER]}}\n"
    units = UNITS + "odd,furlong/L\n"
    pack = pack_of(tmp_path, {"t": TABLE}, head, tests=TESTS, units=units)
    row = {"ID": "S", "DAY": "2020-01-01", "RES": "1", "UNIT": "g/L", "NOTE": "", "ARMCD": "secret"}
    rows = [{**row, "TEST": "A"}, {**row, "TEST": "B", "EXTRA": "x"}, {**row, "TEST": "B", "RES": "?"}]
    source = Memory({"T": rows, "Z": [{"ID": "S"}]})
    found = check_pack(pack, source, pack.seals)
    assert [(one.rule, one.count, one.value) for one in found] == [
        ("MSC-PACK-002", 1, None),
        ("MSC-PACK-004", 1, None),
        ("MSC-MAP-001", 1, "?"),
        ("MSC-MAP-003", 1, "B"),
    ]
    assert found[1].origins[0].fields == ("EXTRA",)
    assert "secret" not in repr(found)
    unblinded = {one.rule: one for one in check_pack(pack, source, Seals())}
    assert unblinded["MSC-PACK-004"].origins[0].fields == ("ARMCD", "EXTRA")
    assert unblinded["MSC-PACK-005"].message == "sealed, and not in this source: table GONE, column NEVER of T"


def test_a_check_finds_a_missing_column(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, {"t": TABLE}, tests=TESTS, units=UNITS)
    found = check_pack(pack, Memory({"T": [{"DAY": "2020"}]}), Seals())
    assert [(one.rule, one.origins[0].fields) for one in found if one.rule == "MSC-PACK-003"] == [
        ("MSC-PACK-003", ("ID",))
    ]


EXAMPLE = """examples:
  - row: {ID: S, TEST: A, RES: "1.50", UNIT: g/L, DAY: "2020-01-01"}
    gives: {code: loinc|1-8, value: %s, when: "2020-01-01"}
  - row: {ID: S, TEST: A, RES: x}
    gives: MSC-MAP-001
  - row: {ID: S, TEST: A}
    gives: nothing
"""


def test_a_check_runs_the_examples(tmp_path: Path) -> None:
    right = pack_of(tmp_path, {"t": TABLE + EXAMPLE % "1.50 g/L"}, tests=TESTS, units=UNITS)
    assert check_pack(right, None, Seals()) == []
    wrong = pack_of(tmp_path, {"t": TABLE + EXAMPLE % "1.5 g/L"}, tests=TESTS, units=UNITS)
    [found] = check_pack(wrong, None, Seals())
    assert found.is_error
    assert found.message == "t.yaml:12:5: an example does not give what it says: value is '1.50 g/L', not '1.5 g/L'"


@pytest.mark.parametrize(
    ("gives", "reason"),
    [
        ("nothing", "comes out unasked"),
        ("[{when: '2020'}, {when: '2021'}]", "there is no when: 2021"),
        ("MSC-MAP-001", "comes out unasked"),
    ],
)
def test_an_example_gives_all_and_nothing_else(tmp_path: Path, gives: str, reason: str) -> None:
    text = f"examples:\n  - row: {{ID: S, TEST: A, RES: '1', DAY: '2020'}}\n    gives: {gives}\n"
    [found] = check_pack(pack_of(tmp_path, {"t": TABLE + text}, tests=TESTS, units=UNITS), None, Seals())
    assert reason in found.message


# The packs that come along


@pytest.mark.parametrize("folder", PACKS, ids=lambda path: path.name)
def test_a_pack_is_right_by_itself(folder: Path) -> None:
    pack = read_pack(folder)
    assert check_pack(pack, None, Seals()) == []
    assert sum(len(table.words.examples) for table in pack.tables.values()) > 8
    for table in pack.tables.values():
        assert reads(table.words, pack, Seals())
        assert set(reads(table.words, pack, pack.seals)) <= set(reads(table.words, pack, Seals()))


@pytest.mark.parametrize("folder", PACKS, ids=lambda path: path.name)
def test_own_codes_stand_in_the_code_systems(folder: Path) -> None:
    for table in read_pack(folder).code_tables.values():
        for line in table.lines:
            if line.get("system") in ("sle-assessment", "pro-score", "investigational-product"):
                assert line["code"] in concepts(line["system"])


@pytest.mark.shared
def test_codes_are_those_of_the_reference() -> None:
    with (ROOT / ".." / "shared" / "reference" / "terminology" / "codes.csv").open(newline="") as file:
        known = {(line["code"], line["display"]): line["confidence"] for line in csv.DictReader(file)}
    for name in ("tests.csv", "vital-signs.csv"):
        for line in read_pack(find_pack("sdtm")).code_tables[name].lines:
            # The code may be surer than that the sponsor's test is meant by it.
            assert line["confidence"] in (known[line["code"], line["display"]], "likely")


PROPERTIES = {
    "Mass/volume": r"[pnum]?g/[dm]?L",
    "Moles/volume": r"[pnum]?mol/[dm]?L",
    "Enzymatic activity/volume": r"(U|\[iU\])/L",
    "#/volume": r"10\*\d+/[um]?L",
    "Units/volume": r"(k?U|k?\[iU\]|m\[iU\])/m?L",
    "Mass Ratio": r"mg/g",
}


def test_a_loinc_is_given_to_units_of_its_property_alone() -> None:
    pack = read_pack(find_pack("sdtm"))
    ucum = {line["unit"]: line["ucum"] for line in pack.code_tables["units.csv"].lines}
    for line in pack.code_tables["tests.csv"].lines:
        [kind] = re.findall(r"\[([^\]]+)\]", line["display"])
        for unit in line["LBORRESU"].split("|"):
            code = ucum.get(unit, unit)
            assert is_unit(code)
            assert re.fullmatch(PROPERTIES[kind], code), (line["LBTESTCD"], unit)


@pytest.mark.shared
def test_the_sdtm_pack_fits_a_real_study() -> None:
    pack = read_pack(find_pack("sdtm"))
    source = open_source(ROOT / ".." / "shared" / "data" / "sdtm-msg-18subjects", SourceOptions(format="xpt"))
    for seals in (pack.seals, Seals()):
        assert {one.rule for one in check_pack(pack, source, seals)} <= {"MSC-MAP-003", "MSC-PACK-005"}

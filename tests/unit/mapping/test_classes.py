"""One description for all tables of a class: which tables it serves, and what its words become in each."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.errors import PackError
from fhir_msc.mapping.checking import check_pack
from fhir_msc.mapping.classes import fitted
from fhir_msc.mapping.pack import Pack
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import Table
from fhir_msc.trial import Coding, Observation, Quantity
from tests.unit.desired.trial_source import sdtm
from tests.unit.mapping.memory import Memory, mapped, pack_of

ANY = """
table: "*"
participant: ID
required: [ID, --TEST]
join: SUPP{table}
key: [ID, --TEST, --WHEN]
correctable: --WHEN
sponsor-id: --SPID
observation:
  preset: finding
  code: {from: --TEST, sponsor: "own-{prefix}"}
  when: {from: --WHEN, as: date}
  not-done: {if: {--STAT: NOT DONE}}
  value: [{from: --RES, as: decimal}, --RES]
examples:
  - table: ZZ
    row: {ID: S, ZZTEST: A, ZZRES: "1.50"}
    gives: {code: own-zz|A, value: "1.50"}
"""
EYES = ANY.replace('"*"', "EY*").replace("preset: finding", "preset: exam").partition("examples:")[0]
NAMED = "table: LB\nparticipant: ID\nkey: ID\njoin: OTHER\nparticipant-record: {}\n"


def tables(*names: str, columns: tuple[str, ...] = ()) -> list[Table]:
    return [Table(name, f"{name}.csv", columns or ("ID", f"{name[:2]}TEST", f"{name[:2]}RES")) for name in names]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return pack_of(tmp_path, {"any": ANY, "eyes": EYES, "lb": NAMED}, "not-mapped: {XX: no reason}\n")


def test_it_serves_what_has_its_columns_and_no_words_of_its_own(pack: Pack) -> None:
    there = tables("ZZ", "ZZPH", "EY", "EYES", "LB", "XX", "OTHER")
    damaged = Table("YY", "yy.csv", (), damage="cut short")
    found = fitted(pack, [*there, *tables("TS", columns=("ID", "TSVAL")), damaged])
    assert set(found.tables) == {"LB", "ZZ", "ZZPH", "EY", "EYES"}
    presets = {name: [block.preset for block in table.words.observations] for name, table in found.tables.items()}
    assert presets["ZZ"] == presets["ZZPH"] == ["finding"]
    assert presets["EY"] == presets["EYES"] == ["exam"], "the pattern with more letters counts"


def test_two_hyphens_are_the_first_letters_of_the_table(pack: Pack) -> None:
    words = fitted(pack, tables("ZZPH")).tables["ZZPH"].words
    assert words.table == "ZZPH"
    assert (words.key, words.correctable, words.sponsor_id) == (("ID", "ZZTEST", "ZZWHEN"), ("ZZWHEN",), ("ZZSPID",))
    [join], [block] = words.join, words.observations
    assert (join.table, join.kind) == ("SUPPZZPH", "qualifiers")
    assert block.not_done is not None
    assert block.not_done.if_ == {"ZZSTAT": ("NOT DONE",)}
    [code] = block.code
    assert code.sponsor == "own-zz"


@pytest.fixture(scope="module")
def of_any(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return pack_of(tmp_path_factory.mktemp("pack"), {"any": ANY})


@given(st.from_regex(r"[A-Z]{2}[A-Z0-9]{0,2}", fullmatch=True).filter(lambda name: name not in ("LB", "XX")))
def test_any_name_will_do(of_any: Pack, name: str) -> None:
    letters = name[:2]
    source = Memory({name: [{"ID": "S", f"{letters}TEST": "A", f"{letters}RES": "1.50", f"{letters}SPID": "7"}]})
    [row] = mapped(fitted(of_any, source.tables()), source, name)
    [record] = row.records
    assert isinstance(record, Observation)
    assert record.description.code.codings == (Coding(f"own-{letters.lower()}", "A"),)
    assert record.value == Quantity("1.50")
    assert record.key == ("Observation", name, "S", f"{letters}SPID=7", "A", "")


def test_examples_and_the_check_of_a_source_know_classes(pack: Pack) -> None:
    assert check_pack(pack, None, Seals()) == []
    source = Memory({"ZZ": [{"ID": "S", "ZZTEST": "A", "ZZRES": "1", "ZZNEW": "1"}]})
    [unread] = check_pack(pack, source, Seals())
    assert (unread.rule, unread.origins[0].fields) == ("MSC-PACK-004", ("ZZNEW",))


def test_an_example_of_a_class_names_its_table(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, {"any": ANY.replace("  - table: ZZ\n    row", "  - row")})
    with pytest.raises(PackError, match=r"any.yaml:\d+:\d+: an example of a class of tables needs the word 'table'"):
        check_pack(pack, None, Seals())


def test_a_sealed_column_is_in_no_key_of_any_table(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, {"any": ANY}, "sealed: {columns: {ZZ: [ZZWHEN]}}\n")
    fitted(pack, tables("YY"))
    with pytest.raises(PackError, match="ZZWHEN is sealed and can be in no key"):
        fitted(pack, tables("ZZ"))


def test_the_sdtm_pack_takes_no_table_that_is_not_one_of_findings() -> None:
    others = tables("RELREC", "SUPPQS", columns=("USUBJID", "RDOMAIN", "IDVAR"))
    trial = [Table("TM", "tm.xpt", ("STUDYID", "MIDSTYPE", "TMDEF")), Table("PR", "pr.xpt", ("USUBJID", "PRTRT"))]
    assert not {"RELREC", "SUPPQS", "TM", "PR"} & set(fitted(sdtm(), [*others, *trial]).tables)

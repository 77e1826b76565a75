"""An integrator's own source: opened by its format's name, sealed like any other, its failures told by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_msc.errors import BlindError, ConfigError, PackError, SourceError
from fhir_msc.mapping.pack import read_pack
from fhir_msc.sources import FORMATS, OpenSource, RowSeal, SealedSource, Seals, SourceOptions, open_source
from tests.support.distributions import Installer

CODE = """
from fhir_msc import Table

class Cards:
    '''Lines of KEY=VALUE, one row each.'''

    def __init__(self, path, spoil):
        self.rows_of = [dict(pair.split("=") for pair in line.split()) for line in path.read_text().splitlines()]
        self.spoil = spoil

    def tables(self):
        if self.spoil == "tables":
            raise KeyError("Mrs Jones")
        if self.spoil == "listing":
            return ["cards"]
        return [Table("cards", "export.cards", ("pid", "arm", "result"))]

    def rows(self, table, columns):
        for number, row in enumerate(self.rows_of, 1):
            if self.spoil == "late" and number == 2:
                raise ValueError(f"cannot read {row}")
            cells = tuple(f" {row.get(column, '')} " for column in columns)
            yield {
                "short": (number, cells[:-1]),
                "numbers": (number, (1,) * len(cells)),
                "unnumbered": (str(number), cells),
                "pairless": 3,
            }.get(self.spoil, (number, cells))

def opener(spoil):
    return lambda path, options: Cards(path, spoil)

cards = opener("")
at_tables, at_listing, late, short, numbers, unnumbered, pairless = map(
    opener, ("tables", "listing", "late", "short", "numbers", "unnumbered", "pairless")
)

def crashes(path, options):
    raise OSError(f"no permission on {path}")

def nothing(path, options):
    return None

CONSTANT = 3
"""
NAMES = ("cards", "at_tables", "at_listing", "late", "short", "numbers", "unnumbered", "pairless", "crashes", "nothing")
POINTS = {
    **{name: f"cards_source:{name}" for name in NAMES},
    "three": "cards_source:CONSTANT",
    "gone": "cards_source:x",
}


@pytest.fixture
def export(installer: Installer, tmp_path: Path) -> Path:
    installer.install("cards_source", CODE, sources=POINTS)
    path = tmp_path / "export.cards"
    path.write_text("pid=P-1 arm=high result=3\npid=P-2 arm=low result=4\n", "utf-8")
    return path


def opened(path: Path, name: str = "cards", **options: object) -> OpenSource:
    return open_source(path, SourceOptions(format=name, **options))  # type: ignore[arg-type]


def test_it_is_read_by_its_name_or_as_the_packs_first(export: Path) -> None:
    for source in (opened(export), open_source(export, SourceOptions(kinds=("cards", "csv")))):
        assert source.form == "cards"
        assert list(source.rows("cards", ["result", "pid"])) == [(1, ("3", "P-1")), (2, ("4", "P-2"))]


def test_a_built_in_format_of_the_config_comes_before_the_packs(export: Path) -> None:
    (export.parent / "a.csv").write_text("x\n1\n", "utf-8")
    assert open_source(export.parent, SourceOptions(format="csv", kinds=("cards",))).form == "csv"


def test_other_tables_may_stand_beside_it(export: Path) -> None:
    (export.parent / "consents.csv").write_text("pid,signed\nP-1,2020-01-05\n", "utf-8")
    source = opened(export, tables={"consents": "consents.csv"})
    assert [table.name for table in source.tables()] == ["cards", "consents"]


def test_the_seals_are_before_it(export: Path) -> None:
    seals = Seals(columns={"cards": ("arm",)}, rows={"cards": (RowSeal("arm", ("low",)),)})
    sealed = SealedSource(opened(export), seals)
    (table,) = sealed.tables()
    assert table.columns == ("pid", "result")
    assert list(sealed.rows("cards", ["pid"])) == [(0, ("P-1",))]
    with pytest.raises(BlindError):
        list(sealed.rows("cards", ["arm"]))
    with pytest.raises(BlindError):
        sealed.facts("cards")


def test_facts_are_those_of_its_file_where_it_has_one(export: Path) -> None:
    facts = opened(export).facts("cards")
    assert facts is not None
    assert facts.file == "export.cards"
    folder = export.parent / "elsewhere"
    folder.mkdir()
    export = export.rename(folder / "renamed.cards")
    assert opened(export).facts("cards") is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("crashes", "failed with OSError"),
        ("at_tables", "failed with KeyError"),
        ("late", "failed with ValueError"),
        ("short", "gave a row that is not its number and the text of each column"),
        ("numbers", "gave a row that is not its number and the text of each column"),
        ("unnumbered", "gave a row that is not its number and the text of each column"),
        ("pairless", "gave a row that is not its number and the text of each column"),
    ],
)
def test_what_fails_while_it_is_read_is_an_error_of_the_source(export: Path, name: str, why: str) -> None:
    with pytest.raises(SourceError) as raised:
        list(opened(export, name).rows("cards", ["pid", "arm"]))
    assert f"entry point {name} = cards_source:{name} in fhir_msc.sources of cards_source {why}" in str(raised.value)
    assert not any(word in str(raised.value) for word in ("Jones", "P-2", "low", "permission"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nothing", "gives no source"),
        ("at_listing", "lists what is no table"),
        ("three", "cannot be called"),
        ("gone", "does not load: AttributeError"),
    ],
)
def test_what_is_no_source_is_an_error_of_the_config(export: Path, name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=rf"entry point {name} = cards_source:\w+ .* {why}"):
        opened(export, name)


def test_a_format_that_nobody_reads(export: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no source format 'card'\n.*one of: csv, .*, cards"):
        opened(export, "card")
    (tmp_path / "pack.yaml").write_text("pack: p\ntitle: P\nversion: '1'\nsource: card\n", "utf-8")
    with pytest.raises(PackError, match=r"pack.yaml:4:\d+: there is no source format 'card' \(did you mean 'cards'"):
        read_pack(tmp_path)


@pytest.mark.parametrize("name", FORMATS)
def test_no_name_that_is_built_in(installer: Installer, tmp_path: Path, name: str) -> None:
    installer.install("cards_source", CODE, sources={name: "cards_source:cards"})
    with pytest.raises(ConfigError, match=f"entry point {name} = .* has the name of what is built in"):
        open_source(tmp_path)

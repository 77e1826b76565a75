"""The door of a blind project."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence

import pytest

from fhir_msc.errors import BlindError, SourceError
from fhir_msc.sources import NO_NUMBER, Row, RowSeal, SealedSource, Seals, Table

ROWS = [("1", "A", "kit"), ("2", "P", ""), ("3", "A", "kit")]


class Memory:
    """A source with one table, of which the last row may be damaged."""

    def __init__(self, *, damaged: str | None = None) -> None:
        self._damaged = damaged

    def tables(self) -> Sequence[Table]:
        columns = ("id", "arm", "kit___1")
        return [Table("EX", "ex.csv", columns, ("Id", "Arm", "Kit"), frozenset({"id", "arm"}))]

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        listed = self.tables()[0].columns
        for number, row in enumerate(ROWS, start=1):
            yield number, tuple(row[listed.index(c)] if c in listed else "" for c in columns)
        if self._damaged:
            raise SourceError("bad text", file="ex.csv", table=table, row=4, column=self._damaged, hint="Export again.")


def test_nothing_sealed_nothing_changed() -> None:
    source = SealedSource(Memory(), Seals())
    assert source.tables() == Memory().tables()
    assert list(source.rows("EX", ["id"])) == [(1, ("1",)), (2, ("2",)), (3, ("3",))]
    assert not Seals()
    assert not Seals(unnumbered=frozenset({"EX"}))


@pytest.mark.parametrize("seals", [Seals(), Seals(tables=frozenset({"E*"})), Seals(columns={"EX": ("arm",)})])
def test_nothing_is_told_of_whole_files(seals: Seals) -> None:
    for table in ("EX", "DM"):
        with pytest.raises(BlindError, match="whole files"):
            SealedSource(Memory(), seals).facts(table)


def test_a_sealed_table_is_not_there() -> None:
    source = SealedSource(Memory(), Seals(tables=frozenset({"E*"})))
    assert source.tables() == []
    with pytest.raises(BlindError, match="table EX"):
        list(source.rows("EX", ["id"]))


@pytest.mark.parametrize("asked", ["arm", "arm:label", "kit___1", "kit___1:label", "kit:label", "kit"])
def test_a_sealed_field_shows_in_no_way(asked: str) -> None:
    source = SealedSource(Memory(), Seals(columns={"*": ("a*", "kit")}))
    [table] = source.tables()
    assert (table.columns, table.labels, table.identifiers) == (("id",), ("Id",), {"id"})
    with pytest.raises(BlindError):
        list(source.rows("EX", ["id", asked]))


def test_sealed_rows_and_every_number_of_their_table_are_gone() -> None:
    seals = Seals(rows={"EX": (RowSeal("arm", ("P",)),)})
    assert list(SealedSource(Memory(), seals).rows("EX", ["id"])) == [(NO_NUMBER, ("1",)), (NO_NUMBER, ("3",))]
    inverse = Seals(rows={"EX": (RowSeal("arm", ("P",), inverse=True),)})
    assert list(SealedSource(Memory(), inverse).rows("EX", ["id"])) == [(NO_NUMBER, ("2",))]


def test_a_table_of_sealed_rows_alone_is_not_there() -> None:
    every = Seals(rows={"EX": (RowSeal("arm", ("A", "P")),)})
    assert SealedSource(Memory(), every).tables() == []
    assert [table.name for table in SealedSource(Memory(damaged="arm"), every).tables()] == ["EX"]


@pytest.mark.parametrize("value", ["CHIM1", " CHIM1", "CHIM1  "])
def test_blanks_around_a_value_do_not_open_it(value: str) -> None:
    assert RowSeal("LBTESTCD", ("CHIM*",)).drops(value)
    assert not RowSeal("LBTESTCD", ("CHIM*",), inverse=True).drops(value)


def test_an_unnumbered_table_keeps_its_rows() -> None:
    source = SealedSource(Memory(), Seals(unnumbered=frozenset({"E?"})))
    assert list(source.rows("EX", ["id"])) == [(NO_NUMBER, (i,)) for i in "123"]
    assert not source.tables()[0].numbered


def test_an_unnumbered_table_gives_its_rows_in_the_order_of_their_content() -> None:
    source = SealedSource(Memory(), Seals(unnumbered=frozenset({"EX"})))
    expected = [(NO_NUMBER, ("", "2")), (NO_NUMBER, ("kit", "1")), (NO_NUMBER, ("kit", "3"))]
    assert list(source.rows("EX", ["kit___1", "id"])) == expected


def test_an_error_tells_no_row_number_where_there_is_none() -> None:
    numbered = SealedSource(Memory(damaged="arm"), Seals())
    with pytest.raises(SourceError) as caught:
        list(numbered.rows("EX", ["id"]))
    assert (caught.value.row, caught.value.column) == (4, "arm")
    sealed = Seals(columns={"EX": ("arm",)}, unnumbered=frozenset({"EX"}))
    for damaged, shown in (("arm", None), ("id", "id")):
        with pytest.raises(SourceError) as caught:
            list(SealedSource(Memory(damaged=damaged), sealed).rows("EX", ["id"]))
        assert (caught.value.row, caught.value.column, caught.value.file) == (None, shown, "ex.csv")
        assert "4" not in str(caught.value)


def test_damage_that_may_lie_in_a_sealed_cell_does_not_say_where() -> None:
    sealed = Seals(columns={"EX": ("arm",)})
    for damaged, row, shown in (("arm", None, None), ("of another table", None, None), ("id", 4, "id")):
        with pytest.raises(SourceError) as caught:
            list(SealedSource(Memory(damaged=damaged), sealed).rows("EX", ["id"]))
        assert (caught.value.row, caught.value.column) == (row, shown)
    rows = Seals(rows={"EX": (RowSeal("arm", ("P",)),)})
    with pytest.raises(SourceError) as caught:
        list(SealedSource(Memory(damaged="id"), rows).rows("EX", ["id"]))
    assert (caught.value.row, caught.value.column) == (None, None)


def test_where_only_some_tables_are_open_every_other_is_sealed() -> None:
    assert [table.name for table in SealedSource(Memory(), Seals(open=frozenset({"DM", "E?"}))).tables()] == ["EX"]
    closed = SealedSource(Memory(), Seals(open=frozenset({"DM", "LB"})))
    assert closed.tables() == []
    with pytest.raises(BlindError):
        next(iter(closed.rows("EX", ["id"])))
    both = Seals(tables=frozenset({"EX"}), open=frozenset({"E*"}))
    assert (both.seals_table("EX"), both.seals_table("EY"), bool(Seals(open=frozenset({"EX"})))) == (True, False, True)


def test_what_is_dropped_is_dropped_however_it_is_typed_and_what_is_kept_is_as_it_is_named() -> None:
    dropped = RowSeal("arm", ("*PLACEBO*",))
    assert dropped.drops(" Placebo, matching ")
    assert not dropped.drops("ASPIRIN")
    assert RowSeal("arm", ("RACE",), inverse=True).drops("race")


class Protocol:
    """A table of the protocol with these columns."""

    def __init__(self, *columns: str) -> None:
        self._columns = columns

    def tables(self) -> Sequence[Table]:
        return [Table("TA", "ta.csv", self._columns)]

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        yield 1, tuple("x" for _ in columns)


PLANNED = Seals(columns={"*": ("ARM*",)}, planned={"TA": ("ARM", "ARMCD")}, participants=("*SUBJ*",))


def test_the_planned_arms_are_open() -> None:
    source = SealedSource(Protocol("ARM", "ARMCD", "ARMNRS", "ETCD"), PLANNED)
    assert source.tables()[0].columns == ("ARM", "ARMCD", "ETCD")
    assert list(source.rows("TA", ["ARM", "ETCD"])) == [(1, ("x", "x"))]
    with pytest.raises(BlindError, match="ARMNRS"):
        list(source.rows("TA", ["ARMNRS"]))
    assert PLANNED.seals_column("DM", "ARM")
    assert PLANNED.seals_column("TA2", "ARM"), "by its exact name alone"


@pytest.mark.parametrize("column", ["USUBJID", "SUBJID", "subject", "RSUBJID"])
def test_beside_participants_they_are_refused(column: str) -> None:
    source = SealedSource(Protocol("ARM", column), PLANNED)
    [table] = source.tables()
    assert table.columns == ()
    assert table.damage is not None
    for asked in (["ARM"], ["ETCD"], []):
        with pytest.raises(SourceError, match="names participants"):
            list(source.rows("TA", asked))


class Qualified:
    """A table with a sealed row, and qualifiers of either row, of none, and of the participant."""

    def tables(self) -> Sequence[Table]:
        return [
            Table("LB", "lb.xpt", ("USUBJID", "LBSEQ", "LBTESTCD")),
            Table("SUPPLB", "supplb.xpt", ("USUBJID", "IDVAR", "IDVARVAL", "QNAM")),
        ]

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        tests = [("P1", "1", "ALB"), ("P2", "2.0", "CHIMERI")]
        said = [("P1", "LBSEQ", "1.0", "Q1"), ("P2", "LBSEQ", "2", "Q2"), ("P1", "LBSEQ", "7", "Q3")]
        listed = next(one.columns for one in self.tables() if one.name == table)
        for number, row in enumerate(tests if table == "LB" else said, start=1):
            yield number, tuple(row[listed.index(c)] if c in listed else "" for c in columns)


def test_a_qualifier_of_a_sealed_row_is_as_one_of_no_row() -> None:
    chimerism = Seals(rows={"LB": (RowSeal("LBTESTCD", ("CHIM*",)),)}, qualifiers={"SUPPLB": "LB"})
    assert list(SealedSource(Qualified(), chimerism).rows("SUPPLB", ["QNAM"])) == [(NO_NUMBER, ("Q1",))]
    every = Seals(rows={"LB": (RowSeal("LBTESTCD", ("*",)),)}, qualifiers={"SUPPLB": "LB"})
    assert SealedSource(Qualified(), every).tables() == []


def test_a_qualifier_of_a_sealed_table_is_sealed_with_it() -> None:
    seals = Seals(tables=frozenset({"LB"}), qualifiers={"SUPPLB": "LB"})
    assert SealedSource(Qualified(), seals).tables() == []
    assert list(SealedSource(Qualified(), seals).rows("SUPPLB", ["QNAM"])) == []


class Numbered:
    """Laboratory rows of one participant by their sequence numbers and tests, and what qualifies each of them."""

    def __init__(self, **tests: str) -> None:
        self._tests = tests

    def tables(self) -> Sequence[Table]:
        return Qualified().tables()

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        for number, (place, test) in enumerate(self._tests.items(), start=1):
            told = test.startswith("KIT")
            row = {"USUBJID": "P1", "LBSEQ": f"{place[1:]}.00", "IDVAR": "LBSEQ", "IDVARVAL": place[1:]}
            row |= {"LBTESTCD": test.removeprefix("KIT"), "QNAM": "KITNO" if told else "LBCLSIG"}
            yield number, tuple(row.get(column, "") for column in columns)


def test_sequence_numbers_count_no_sealed_row() -> None:
    seals = Seals(
        rows={"LB": (RowSeal("LBTESTCD", ("CHIM*",)),), "SUPPLB": (RowSeal("QNAM", ("KIT*",)),)},
        qualifiers={"SUPPLB": "LB"},
    )
    for tests in (
        {"_1": "ALB", "_2": "KITCRP", "_3": "ALT"},
        {"_2": "ALB", "_3": "CHIM1", "_7": "KITCRP", "_9": "CHIM2", "_10": "ALT"},
    ):
        source = SealedSource(Numbered(**tests), seals)
        seen = [cells for _, cells in source.rows("LB", ["LBSEQ", "LBTESTCD"])]
        assert seen == [("1", "ALB"), ("", "CRP"), ("2", "ALT")], "of rows that nothing open qualifies there is none"
        assert [cells for _, cells in source.rows("SUPPLB", ["IDVARVAL", "QNAM"])] == [
            ("1", "LBCLSIG"),
            ("2", "LBCLSIG"),
        ]


class Many:
    """A table of as many rows as it is told, one of them sealed, and a qualifier of each."""

    def __init__(self, count: int) -> None:
        self._count = count

    def tables(self) -> Sequence[Table]:
        return Qualified().tables()

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        for number in range(1, self._count + 1):
            row = {"USUBJID": f"P{number % 9}", "LBSEQ": str(number), "IDVAR": "LBSEQ", "IDVARVAL": str(number)}
            row["LBTESTCD"] = "CHIMERI" if number == 1 else "ALB"
            yield number, tuple(row.get(column, "") for column in columns)


@pytest.mark.usefixtures("hosts_collector")
def test_memory_is_flat_however_many_qualifiers_there_are() -> None:
    seals = Seals(rows={"LB": (RowSeal("LBTESTCD", ("CHIM*",)),)}, qualifiers={"SUPPLB": "LB"})

    def peak(count: int, table: str, seals: Seals) -> int:
        source = SealedSource(Many(count), seals)
        tracemalloc.start()
        assert sum(1 for _ in source.rows(table, ["IDVARVAL"])) >= count - 1
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(10, "SUPPLB", seals)  # compiles the patterns, once and for all
    assert peak(20_000, "SUPPLB", seals) <= peak(2_000, "SUPPLB", seals) + 300_000
    unordered = Seals(unnumbered=frozenset({"LB"}))
    assert peak(20_000, "LB", unordered) <= peak(2_000, "LB", unordered) + 300_000


def test_the_case_of_a_name_opens_nothing() -> None:
    assert SealedSource(Memory(), Seals(tables=frozenset({"ex"}))).tables() == []
    [table] = SealedSource(Memory(), Seals(columns={"ex": ("ARM",)})).tables()
    assert table.columns == ("id", "kit___1")
    rows = Seals(rows={"ex": (RowSeal("ARM", ("P",)),)})
    assert list(SealedSource(Memory(), rows).rows("EX", ["id"])) == [(NO_NUMBER, ("1",)), (NO_NUMBER, ("3",))]
    assert not Seals(unnumbered=frozenset({"ex"})).numbers_rows("EX")
    planned = Seals(columns={"*": ("ARM",)}, planned={"ta": ("arm",)}, participants=("*subj*",))
    assert not planned.seals_column("TA", "ARM")
    assert planned.why_refused(Table("TA", "ta.xpt", ("USUBJID",))) is not None


class Dose:
    """A table whose unit is read from another column."""

    def tables(self) -> Sequence[Table]:
        return [Table("DOSE", "odm.xml", ("A", "A:unit", "AU"), made_of=(("A:unit", "AU"),))]

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        known = self.tables()[0].columns
        yield 1, tuple("x" if column.removesuffix(":label") in known else "" for column in columns)


def test_a_column_that_is_read_from_a_sealed_one_is_as_if_it_were_not_there() -> None:
    source = SealedSource(Dose(), Seals(columns={"DOSE": ("AU",)}))
    assert source.tables()[0].columns == ("A",)
    assert list(source.rows("DOSE", ["A:unit", "A", "A:unit:label"])) == [(1, ("", "x", ""))]
    with pytest.raises(BlindError):
        list(source.rows("DOSE", ["A", "AU"]))

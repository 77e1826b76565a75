"""An export in which all that tells the arm is otherwise, as the conformance of packs makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fhir_msc.sources import Row, RowSeal, Seals, Table
from fhir_msc.testing.altered import Altered

CELLS = {
    "LB": [("P1", "1", "ALB"), ("P2", "2", "CHIMERI")],
    "SUPPLB": [("P1", "LBSEQ", "1.0", "Q1"), ("P2", "LBSEQ", "2", "Q2"), ("P1", "LBSEQ", "7", "Q3")],
    "DOSE": [("5", "mg", "mg", "x")],
}
SEALS = Seals(columns={"DOSE": ("AU",)}, rows={"LB": (RowSeal("LBTESTCD", ("CHIM*",)),)}, qualifiers={"SUPPLB": "LB"})


class Export:
    """Rows of which one is sealed, qualifiers of either and of none, and a unit that is read from a sealed column."""

    def tables(self) -> Sequence[Table]:
        return [
            Table("LB", "lb.xpt", ("USUBJID", "LBSEQ", "LBTESTCD")),
            Table("SUPPLB", "supplb.xpt", ("USUBJID", "IDVAR", "IDVARVAL", "QNAM")),
            Table("DOSE", "odm.xml", ("A", "A:unit", "AU", "B"), made_of=(("A:unit", "AU"),)),
        ]

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        listed = next(one.columns for one in self.tables() if one.name == table)
        for number, row in enumerate(CELLS[table], start=1):
            yield number, tuple(row[listed.index(c)] if c in listed else "" for c in columns)


def cells(source: Altered, table: str, *columns: str) -> list[tuple[str, ...]]:
    return [row for _, row in source.rows(table, columns)]


def test_a_qualifier_changes_with_its_row() -> None:
    changed, without = (Altered(Export(), SEALS, without=value) for value in (False, True))
    named = ("USUBJID", "IDVARVAL", "QNAM")
    sealed, of_none = ("P2", "2", "Q2 altered 2"), ("P1", "7", "Q3 altered 3")
    assert cells(changed, "SUPPLB", *named) == [("P1", "1.0", "Q1"), sealed, sealed, of_none, of_none]
    assert cells(without, "SUPPLB", *named) == [("P1", "1.0", "Q1")]
    assert len(cells(changed, "LB", "LBTESTCD")) == 3
    assert cells(without, "LB", "LBTESTCD") == [("ALB",)]


def test_what_is_read_from_a_sealed_column_changes_with_it() -> None:
    changed, without = (Altered(Export(), SEALS, without=value) for value in (False, True))
    assert cells(changed, "DOSE", "A", "A:unit", "B") == [("5", "mg altered 1", "x")]
    assert next(one.columns for one in without.tables() if one.name == "DOSE") == ("A", "B")
    assert cells(without, "DOSE", "A", "A:unit", "AU") == [("5", "", "")]

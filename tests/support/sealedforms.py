"""The example trial where the records hold what is sealed: a form, a column and rows of another, changed as they may.

A change takes the export and a source of randomness and gives another export of the same trial, in which nobody who is
blind could see a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from tests.support.blinding import Files
from tests.support.smallexample import RECORDS, Table, read, written

Change = Callable[[Files, Random], Files]

TOKEN = "ARMTELL"
SEALED = """
sealed:
  tables: [pharmacy, flare]
  columns: {vitals: [vs_spo2]}
  rows: {adverse_events: {column: ae_term, any: [CELL*]}}
"""
"""In place of the example pack's own: what the changes below are sealed by."""

_COLUMNS = ("flare_date", "flare_class", "flare_complete", "vs_spo2")
_DICTIONARY = "edc/misle_dictionary_synthetic.csv"


def telling(files: Files) -> Files:
    """The export with cells that cannot be read on open forms, so that there are findings, and rows of all kinds."""
    table = read(files[RECORDS])
    for column in ("vs_systolic", "lab_alt", "pain_nrs", "ae_start"):
        at = table[0].index(column)
        for i, row in enumerate([row for row in table[1:] if row[at]][:3]):
            row[at] = f"not {i % 2}"
    return _sealed_rows({**files, RECORDS: written(table)}, Random(1))


def _rows(change: Callable[[Table, Random], Table]) -> Change:
    return lambda files, random: {**files, RECORDS: written(change(read(files[RECORDS]), random))}


def _token(random: Random) -> str:
    return f"{TOKEN}{random.randrange(10**6)}"


def _row(table: Table, random: Random, cells: Mapping[str, str]) -> list[str]:
    """A row of a participant who is there, in which nothing else is filled."""
    like = random.choice(table[1:])
    values = {"record_id": like[0], "redcap_data_access_group": like[4], **cells}
    return [values.get(column, "") for column in table[0]]


def sealed_rows(table: Table, random: Random) -> Table:
    """Rows that hold a sealed form, a sealed column or a sealed event alone, between the others."""
    header, *rows = table
    for i in range(random.randrange(1, 9)):
        again = {"redcap_event_name": "unscheduled_arm_1", "redcap_repeat_instance": str(50 + i)}
        ongoing = {"redcap_event_name": "ongoing_arm_1", "redcap_repeat_instrument": "adverse_events"}
        for cells in (
            {**again, "flare_date": "2024-02-03", "flare_class": _token(random), "flare_complete": "2"},
            {**again, "redcap_repeat_instance": str(70 + i), "vs_spo2": _token(random)},
            {**ongoing, "redcap_repeat_instance": str(50 + i), "ae_term": f"Cells {_token(random)}", "ae_start": "x"},
        ):
            known = [column for column in cells if column in header]
            if random.random() < 0.7 and any(column not in again and column not in ongoing for column in known):
                rows.insert(random.randrange(len(rows) + 1), _row(table, random, cells))
    return [header, *rows]


_sealed_rows = _rows(sealed_rows)


def sealed_cells(table: Table, random: Random) -> Table:
    """Other values in the sealed columns of every row, or none, but for those by which a row is sealed."""
    places = [table[0].index(column) for column in _COLUMNS]
    for row in table[1:]:
        for place in places:
            row[place] = random.choice(("", _token(random)))
    return table


def more_columns(table: Table, random: Random) -> Table:
    """Boxes of sealed fields, which the dictionary, of another day than the records, puts on no form."""
    more = [("flare_class___1", "vs_spo2___2"), *[(_token(random), random.choice(("0", "1", ""))) for _ in table[1:]]]
    return [[*row, *cells] for row, cells in zip(table, more, strict=True)]


def without_columns(table: Table, _random: Random) -> Table:
    """The sealed columns are not in the export."""
    kept = [i for i, column in enumerate(table[0]) if column not in _COLUMNS]
    return [[row[i] for i in kept] for row in table]


def other_encoding(files: Files, random: Random) -> Files:
    """Cells of sealed columns in bytes that are not the file's encoding."""
    header, *rows = sealed_cells(read(files[RECORDS]), random)
    places = [header.index(column) for column in _COLUMNS]
    for row in rows:
        for place in places:
            row[place] += random.choice(("", "\N{SNOWMAN}"))
    return {**files, RECORDS: written([header, *rows]).replace("\N{SNOWMAN}".encode(), b"\xff\xfe")}


def files_beside(files: Files, random: Random) -> Files:
    """Files named after a sealed table, of every kind that an export of records can have."""
    xml = b'<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3"><ClinicalData StudyOID="S" MetaDataVersionOID="1"/></ODM>'
    more = {
        "edc/pharmacy.csv": random.choice((files[RECORDS], files[_DICTIONARY], b"", b"lot\n1\n")),
        "edc/PHARMACY.xml": random.choice((xml, xml[:90], b"")),
        "edc/Pharmacy.xpt": random.randbytes(100),
    }
    return {**files, **{name: content for name, content in more.items() if random.random() < 0.7}}


def other_order(table: Table, random: Random) -> Table:
    """The rows in another order: what an export that is sorted by the arm can have."""
    rows = table[1:]
    random.shuffle(rows)
    return [table[0], *rows]


CHANGES: Mapping[str, Change] = {
    "rows": _sealed_rows,
    "cells": _rows(sealed_cells),
    "more columns": _rows(more_columns),
    "without columns": _rows(without_columns),
    "other encoding": other_encoding,
    "files beside": files_beside,
}
ORDER: Change = _rows(other_order)
"""Where no order of rows is told."""

"""The example trial's files and config as a test lays them, whole or with a few of its participants."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from tests.support.blinding import Files

EXAMPLE = Path(__file__).parents[2] / "examples/misle-phase2"
RECORDS = "edc/misle_records_synthetic.csv"
PHARMACY = "pharmacy/misle_pharmacy_synthetic.csv"
_KEPT = re.compile(r"SYN-(01-00[23]|05-004)")

Table = list[list[str]]
"""The rows of a CSV file, the header first."""


def read(text: bytes) -> Table:
    return list(csv.reader(io.StringIO(text.decode(), newline="")))


def written(table: Table) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows(table)
    return stream.getvalue().encode()


def example() -> Files:
    """The export and the pharmacy's list."""
    folder = EXAMPLE / "data"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.csv"))}


def small_example() -> Files:
    """The same with the records of three participants, one of them randomised."""
    files = example()
    table = read(files[RECORDS])
    return {**files, RECORDS: written([table[0], *(row for row in table if _KEPT.fullmatch(row[0]))])}


def config() -> str:
    """The example's config, for a project in a folder beside the export's, ``data``."""
    text = (EXAMPLE / "fhir-msc.toml").read_text("utf-8")
    for old, new in (
        ('source = "data/edc"', 'source = "../data/edc"'),
        ("http://127.0.0.1:8090/fhir", "http://fhir.test/r4"),
        ("https://fhir-msc.example.org", "https://trial.test/fhir"),
        ("connections = 2", "connections = 1"),
        ("synthetic = true", "synthetic = true\ndata_cut = 2026-06-30T18:00:00-04:00"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text

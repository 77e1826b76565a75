"""Code tables: CSV files of a pack that turn cells into codes, units or words.

The first columns are named like source columns and say which cells a line is for; the others say what it gives. A cell
of the first kind may be empty (any), ``-`` (must be empty), one value, or several between bars. Of the lines that fit,
the one with the fewest open cells counts; of lines just as specific, the first.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fhir_msc.errors import PackError

Line = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CodeTable:
    """A code table as read: its columns and lines, with the file's name for messages."""

    file: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    def keys(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of ``names`` that are columns of this table."""
        return tuple(name for name in names if name in self.columns)

    def find(self, cells: Mapping[str, str]) -> Line | None:
        """The most specific line that fits the cells."""
        best: Line | None = None
        best_score = -1
        for line in self.lines:
            score = 0
            for name, cell in cells.items():
                wanted = line.get(name, "")
                if not wanted:
                    continue
                if cell not in wanted.split("|") and not (cell == "" and "-" in wanted.split("|")):
                    break
                score += 1
            else:
                if score > best_score:
                    best, best_score = line, score
        return best


def read_code_table(path: Path, name: str) -> CodeTable:
    """Reads a code table. Raises PackError with the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            lines = []
            for cells in reader:
                if len(cells) != len(header):
                    raise PackError(
                        f"{name}:{reader.line_num}: {len(cells)} cells where the header has {len(header)}",
                        hint="quote cells that hold a comma",
                    )
                lines.append(dict(zip(header, cells, strict=True)))
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"{name}: cannot be read ({type(error).__name__})") from error
    if not header or len(set(header)) != len(header):
        raise PackError(f"{name}:1: the header is missing, or names a column twice")
    return CodeTable(name, tuple(header), tuple(lines))

"""Which files are checked: those that are named, and those below folders. What cannot be looked into is told."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fhir_msc.errors import SourceError

STDIN = "-"
"""The path that stands for standard input."""

_SUFFIXES = (".json", ".ndjson")


def files_below(paths: Iterable[Path], unreadable: list[str]) -> list[tuple[Path, int | None]]:
    """The files below the paths with their sizes, in the order of the paths and of their names; standard input has no
    size. A folder in a folder that cannot be read, and a folder that holds nothing to check, go to ``unreadable``.
    Raises SourceError for a path that is not there."""
    found: list[tuple[Path, int | None]] = []
    for path in paths:
        if str(path) == STDIN:
            found.append((path, None))
            continue
        try:
            found += _in_folder(path, unreadable) if path.is_dir() else [(path, path.stat().st_size)]
        except OSError as error:
            raise cannot_be_read(str(path), error) from error
    return found


def cannot_be_read(name: str, error: OSError) -> SourceError:
    """What is said of a file or a folder that the system does not give."""
    return SourceError(f"cannot be read ({type(error).__name__})", file=name)


def _in_folder(folder: Path, unreadable: list[str]) -> list[tuple[Path, int | None]]:
    told = len(unreadable)
    found: list[tuple[Path, int | None]] = []
    for path in sorted(_named(folder, unreadable)):
        try:
            size = path.stat().st_size
            if path.is_file():
                found.append((path, size))
        except OSError as error:
            unreadable.append(str(cannot_be_read(str(path), error)))
    if not found and told == len(unreadable):
        nothing = SourceError(
            f"nothing to check: no file in it ends in {' or '.join(_SUFFIXES)}",
            file=str(folder),
            hint="name the files themselves, or the folder that holds them",
        )
        unreadable.append(str(nothing))
    return found


def _named(folder: Path, unreadable: list[str]) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        unreadable.append(str(cannot_be_read(str(error.filename), error)))

    for place, _, names in os.walk(folder, onerror=refused):
        yield from (Path(place, name) for name in names if Path(name).suffix in _SUFFIXES)

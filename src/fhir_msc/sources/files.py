"""A file of the source, read only while it is the file that was looked at.

An export may be written anew while it is read. Whoever looked at a file's header keeps its size and time of change, in
memory only, and reading it later, or until its end, is an error if they have moved.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from fhir_msc.errors import SourceError

_CHUNK = 1 << 20
_Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file, its name as errors and tables show it, and its stamp when it was looked at."""

    path: Path
    name: str
    stamp: _Stamp

    @classmethod
    def at(cls, path: Path, name: str) -> InputFile:
        """The file as it is now. Raises SourceError if there is none."""
        try:
            return cls(path, name, _stamp(os.stat(path)))
        except OSError as error:
            raise _unreadable(name, error) from error

    @property
    def size(self) -> int:
        """In bytes."""
        return self.stamp[0]

    def sha256(self) -> str:
        """Its checksum in hexadecimal digits. Raises SourceError as ``open`` does."""
        with self.open() as file:
            digest = hashlib.sha256()
            for chunk in iter(partial(file.read, _CHUNK), b""):
                digest.update(chunk)
            return digest.hexdigest()

    @property
    def modified(self) -> datetime:
        """When it was last written, in UTC."""
        return datetime.fromtimestamp(self.stamp[1] / 1e9, UTC)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Opens it for reading. Raises SourceError if it cannot be read, or has changed by now or by the end."""
        try:
            with self.path.open("rb") as file:
                self._check(file)
                yield file
                self._check(file)
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def changed(self) -> SourceError:
        """The error for a file that is not what it was."""
        return SourceError(
            "the file has changed since it was opened",
            file=self.name,
            hint="Wait until the export is complete; run again.",
        )

    def _check(self, file: BinaryIO) -> None:
        if _stamp(os.fstat(file.fileno())) != self.stamp:
            raise self.changed()


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_size, status.st_mtime_ns


def _unreadable(name: str, error: OSError) -> SourceError:
    return SourceError(
        f"cannot be read: {error.strerror or type(error).__name__}",
        file=name,
        hint="Check the path and who may read it.",
    )

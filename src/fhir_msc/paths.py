"""Paths as callers of the library give them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

AnyPath: TypeAlias = "str | os.PathLike[str]"
"""A path as the library takes it: text, a ``pathlib.Path``, or any other object that stands for a path."""


def each_path(given: AnyPath | Iterable[AnyPath]) -> tuple[Path, ...]:
    """The paths that were given; one alone is one, not its characters."""
    return (Path(given),) if isinstance(given, (str, os.PathLike)) else tuple(map(Path, given))

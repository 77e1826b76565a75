"""Distributions of an integrator, as an installer leaves them: a module, and a dist-info folder beside it."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest


def look_once(patch: pytest.MonkeyPatch) -> None:
    """Lets a process look once for what is installed, for to look takes 3 ms and is done for each config and pack; with
    anything more on ``sys.path`` it looks each time, as a command does."""
    look, path = importlib.metadata.entry_points, list(sys.path)
    known: dict[str, importlib.metadata.EntryPoints] = {}

    def entry_points(*, group: str) -> importlib.metadata.EntryPoints:
        if sys.path != path:
            return look(group=group)
        if group not in known:
            known[group] = look(group=group)
        return known[group]

    patch.setattr("fhir_msc.extensions.entry_points", entry_points)


@dataclass(frozen=True)
class Installer:
    """Installs distributions into a folder on ``sys.path`` until the test ends."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def install(self, name: str, code: str, *, version: str = "1.0", **entry_points: Mapping[str, str]) -> None:
        """A distribution of one module. ``entry_points`` by group, without ``fhir_msc.``: name → ``module:object``."""
        lay(self.folder, name, code, version, entry_points)
        if str(self.folder) not in sys.path:
            self.monkeypatch.syspath_prepend(self.folder)
        # Imported by this test, and by no later one.
        self.monkeypatch.setitem(sys.modules, name, None)
        self.monkeypatch.delitem(sys.modules, name)


def lay(folder: Path, name: str, code: str, version: str, entry_points: Mapping[str, Mapping[str, str]]) -> None:
    """Writes the files; another version replaces the one that is there."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(code, "utf-8")
    info = folder / f"{name}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
    groups = [
        "\n".join([f"[fhir_msc.{group}]", *(f"{point} = {value}" for point, value in points.items())])
        for group, points in entry_points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups) + "\n", "utf-8")

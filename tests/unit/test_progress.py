"""The progress line: on a terminal's stderr alone, after two seconds, and gone at the end."""

from __future__ import annotations

import io
import sys
import time

import pytest

from fhir_msc.cli.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, terminal: io.StringIO, times: list[float]) -> str:
    """What is shown of a run at these times, of which the first is its start."""
    monkeypatch.setattr(sys, "stderr", terminal)
    clock = iter(times)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with Progress() as progress:
        for number in range(1, len(times)):
            progress.bar("many.ndjson", number * 100, 400)
    return terminal.getvalue()


def test_a_bar_with_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, _Terminal(), [0.0, 1.0, 2.5, 3.5, 9.0])
    lines = text.split("\r\033[K")
    assert lines == [
        "",
        f"{'█' * 15}{'░' * 15}  50%  many.ndjson  (2 s)",
        f"{'█' * 22}{'░' * 8}  75%  many.ndjson  (4 s)",
        f"{'█' * 30} 100%  many.ndjson  (9 s)",
        "",
    ]


def test_nothing_where_it_is_quick_or_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, _Terminal(), [0.0, 0.5, 1.0]) == ""
    assert shown(monkeypatch, io.StringIO(), [0.0, 5.0, 6.0]) == ""


def test_without_an_end_it_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    clock = iter([0.0, 5.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with Progress() as progress:
        progress.bar("stdin", 1_500_000, None)
    assert "stdin: 1,500,000  (5 s)" in terminal.getvalue()

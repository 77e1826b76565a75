"""A progress line on stderr for what takes longer than two seconds; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

_QUIET_SECONDS = 2.0
_BETWEEN_SECONDS = 0.2
_BAR_WIDTH = 30


class Progress:
    """Shows what is being done and how many are done."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._last = self._started
        self._shown = False
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __call__(self, what: str, done: int) -> None:
        """Tells that ``done`` of ``what`` are done."""
        self._show(f"{what}: {done:,}")

    def _show(self, line: str) -> None:
        now = time.monotonic()
        if not self._terminal or now - self._started < _QUIET_SECONDS or now - self._last < _BETWEEN_SECONDS:
            return
        self._last = now
        self._shown = True
        sys.stderr.write(f"\r\033[K{line}  ({now - self._started:.0f} s)")
        sys.stderr.flush()

    def bar(self, what: str, done: int, of: int | None) -> None:
        """Tells that ``done`` bytes are done, of so many if that is known, and what is read now."""
        if of is None:
            self(what, done)
            return
        share = min(done / of, 1.0)
        full = round(share * _BAR_WIDTH)
        self._show(f"{'█' * full}{'░' * (_BAR_WIDTH - full)} {share:4.0%}  {what}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

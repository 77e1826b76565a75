"""How ``validate`` answers an input."""

from __future__ import annotations

import time

from fhir_msc.validation import validate

SLOW = 5.0
"""Seconds of processor time after which an answer counts as none: no input is larger than some hundred kilobytes."""


def answer(text: bytes) -> tuple[str, str | None]:
    """``accepted``, ``rejected`` or ``unanswered``, and why: an exception, or an answer that took too long."""
    started = time.process_time()
    try:
        found = validate(text)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return "unanswered", f"{type(error).__name__}: {error}"[:200]
    if (took := time.process_time() - started) > SLOW:
        return "unanswered", f"{took:.1f} s for {len(text):,} bytes"
    return ("rejected" if any(one.is_error for one in found) else "accepted"), None

"""What a conformance check raises."""

from __future__ import annotations


class Nonconformity(AssertionError):
    """Something does not hold. ``check`` is the word of the check, of those that the called function lists."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check

"""Python's collector of circular garbage, in a process that is ours: a command, or one that checks for it.

Rows, records and bodies hold no circles and are gone when the last name for them is. A library does not change its
host's collector; who runs much through this one may do as the commands do.
"""

from __future__ import annotations

import gc

_NEW = 20_000  # Python 3.11 has 700, which are a few rows; 3.13 has 2,000
_ROUNDS = 20


def collect_rarely() -> None:
    """Looks for circles after more new objects, and never among what is loaded already (``gc.freeze``)."""
    gc.freeze()
    gc.set_threshold(_NEW, _ROUNDS, _ROUNDS)

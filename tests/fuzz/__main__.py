"""``python -m tests.fuzz [--count N] [--first N]``: every input of a range of numbers, in two processes."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache

from tests.fuzz.answers import answer
from tests.fuzz.inputs import fuzzed
from tests.fuzz.seeds import seeds

BLOCK = 5_000
_seeds = cache(seeds)


def main() -> int:
    """Tells how the inputs were answered; 1 where one was not answered by findings."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="how many inputs")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    given = parser.parse_args()
    started = time.monotonic()
    total: Counter[str] = Counter()
    ends = given.first + given.count
    starts = range(given.first, ends, BLOCK)
    with ProcessPoolExecutor(2) as pool:
        for done, (counts, failures) in enumerate(pool.map(_block, starts, [ends] * len(starts)), 1):
            total += counts
            for failure in failures:
                print(failure, flush=True)
            if sys.stderr.isatty():
                print(f"\r{min(done * BLOCK, given.count):,} of {given.count:,}", end="", file=sys.stderr)
    print(
        f"{given.count:,} inputs in {time.monotonic() - started:,.0f} s: "
        + ", ".join(f"{count:,} {name}" for name, count in sorted(total.items()))
    )
    return 1 if total["unanswered"] else 0


def _block(start: int, ends: int) -> tuple[Counter[str], list[str]]:
    counts: Counter[str] = Counter()
    failures = []
    for number in _numbers(start, ends):
        kind, why = answer(fuzzed(_seeds(), number))
        counts[kind] += 1
        if why is not None:
            failures.append(f"input {number}: {why}")
    return counts, failures


def _numbers(start: int, ends: int) -> Iterator[int]:
    yield from range(start, min(start + BLOCK, ends))


if __name__ == "__main__":
    sys.exit(main())

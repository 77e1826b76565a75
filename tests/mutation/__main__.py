"""``python -m tests.mutation [--count N] [--first N]``: gives the documents to both, and writes docs/mutation.md."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from tests.mutation.comparison import Counts, compared
from tests.mutation.documents import DIFFERENT, originals, shared_types
from tests.mutation.faults import FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "mutation.md"
AIM = 100_000
_BLOCK = 2_000
_originals = cache(originals)


def main() -> int:
    """Tells how often who rejected; 1 where a document that fhir.resources rejects was accepted without a reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--count", type=int, default=120_000, help="how many documents")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--jobs", type=int, default=2, help="in how many processes")
    given = parser.parse_args()
    started = time.monotonic()
    total = Counts()
    ends = given.first + given.count
    starts = range(given.first, ends, _BLOCK)
    with ProcessPoolExecutor(given.jobs) as pool:
        for counts in pool.map(_block, starts, [ends] * len(starts)):
            total += counts
            for missed in counts.missed:
                print(missed, flush=True)
    print(f"{total.documents:,} documents in {time.monotonic() - started:,.0f} s")
    print(f"fhir.resources rejects {total.rejected:,}, of them we {total.both:,}; missed: {len(total.missed)}")
    if total.documents >= AIM:
        PAGE.write_text(page(total, datetime.now(UTC).date()), "utf-8")
        print(f"written to {PAGE.name}")
    return 1 if total.missed else 0


def _block(start: int, ends: int) -> Counts:
    warnings.simplefilter("ignore")  # what fhir.resources and pydantic say of their own code
    return compared(_originals(), range(start, min(start + _BLOCK, ends)))


def page(total: Counts, day: date) -> str:
    """The figures as Markdown."""
    examples = sum(map(len, _originals().values()))
    lines = [
        "# Mutants, given to fhir.resources",
        "",
        "Written by `make mutation`: HL7's examples with one to three things broken (dropped, doubled, of another JSON",
        "type, renamed, moved, a wrong code, date, reference or unit) are given to `validate` and to the R4B models of",
        f"fhir.resources {version('fhir.resources')}. What these reject, `validate` has to reject. The other way round",
        "there is no aim: they know no bindings, no invariants and no units. A number fixes the document; some",
        "thousands are in the tests.",
        "",
        f"The examples are {examples} that both sides accept, of {len(_originals())} resource types that R4 and R4B",
        "share, each type as often as the next.",
        "",
        f"Measured on {day.isoformat()}.",
        "",
        "| what | documents |",
        "| --- | --- |",
        f"| given to both (aim: ≥ {AIM:,}) | {total.documents:,} |",
        f"| rejected by fhir.resources | {total.rejected:,} |",
        f"| of these, rejected by `validate` | {total.both:,} |",
        f"| of these, a listed fault of fhir.resources | {total.faults.total():,} |",
        f"| of these, missed (aim: none) | {len(total.missed):,} |",
        f"| rejected by `validate` alone | {total.ours:,} |",
        f"| accepted by both | {total.nobody:,} |",
        f"| not given: of a type that the two do not share, or of none | {total.foreign:,} |",
        "",
        "    make mutation COUNT=120000",
        "",
        "## What fhir.resources rejects, by what was broken first",
        "",
        "| kind | documents |",
        "| --- | --- |",
        *(f"| {kind} | {count:,} |" for kind, count in sorted(total.by_kind.items())),
        "",
        "## Listed faults of fhir.resources",
        "",
    ]
    if total.faults:
        lines += ["| type | element | it says | documents | why R4 allows it |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| `{fault.type}` | `{fault.element}` | {fault.says} | {total.faults[fault.why]:,} | {fault.why} |"
            for fault in FAULTS
            if total.faults[fault.why]
        ]
    else:
        lines += ["None was met."]
    lines += ["", "## Types that are not compared", ""]
    lines += [f"- {name}: {why}." for name, why in DIFFERENT.items()]
    lines += [f"- The types of R4 that R4B does not have; {len(shared_types())} are in both.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

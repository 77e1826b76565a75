"""Runs the benchmarks, prints what they find, and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fhir_msc.collector import collect_rarely
from tests.benchmarks import (
    command_line,
    domain_speed,
    file_checks,
    first_sync,
    mapping_speed,
    memory,
    nothing_changed,
    validation_speed,
)
from tests.benchmarks.bench import FULL, QUICK, Bench
from tests.benchmarks.report import Conditions, Section, page, plain

ROOT = Path(__file__).parents[2]
STUDY = ROOT.parent / "shared" / "data" / "sdtm-msg-18subjects"

ROWS: dict[str, Callable[[Bench], Section]] = {
    module.NAME: module.measure
    for module in (
        mapping_speed,
        domain_speed,
        first_sync,
        nothing_changed,
        memory,
        command_line,
        validation_speed,
        file_checks,
    )
}
"""In the order in which they run; a later one may use the facts of an earlier one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the rows asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="a few resources: shows that the rows run, no more")
    parser.add_argument("--hapi", metavar="URL", help="a running HAPI to use instead of starting one")
    parser.add_argument("--output", type=Path, help="where to write the page; a full run writes docs/benchmarks.md")
    asked = parser.parse_args(arguments)
    if not STUDY.is_dir():
        print("the study is not here: put the folder `shared` beside the project's", file=sys.stderr)
        return 1
    collect_rarely()  # as the commands do
    conditions = Conditions.here(datetime.now(UTC).date())
    sections: list[Section] = []
    facts: dict[str, float] = {}
    for name in asked.only or ROWS:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="fhir-msc-bench-") as folder:
            bench = Bench(QUICK if asked.quick else FULL, STUDY, Path(folder), asked.hapi, facts)
            section = ROWS[name](bench)
        facts |= section.facts
        sections.append(section)
        print(f"{plain(section)}\n  ({time.perf_counter() - start:.0f} s)\n", flush=True)
    output = asked.output or (None if asked.quick or asked.only else ROOT / "docs" / "benchmarks.md")
    if output is not None:
        output.write_text(page(sections, conditions), "utf-8")
        print(f"written to {output.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

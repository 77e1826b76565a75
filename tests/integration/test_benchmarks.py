"""Every row of the benchmarks runs and gives numbers. What the numbers are is no matter of a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.__main__ import ROWS, main
from tests.support.hapi import HapiServer

pytestmark = pytest.mark.shared

WITH_JAVA = ("first-sync", "validation")


def run(page: Path, *arguments: str) -> str:
    assert main(["--quick", "--output", str(page), *arguments]) == 0
    return page.read_text("utf-8")


@pytest.mark.parametrize("row", [name for name in ROWS if name not in WITH_JAVA])
def test_the_row_gives_numbers(row: str, tmp_path: Path) -> None:
    text = run(tmp_path / "page.md", "--only", row)
    assert f"python -m tests.benchmarks --only {row}" in text
    assert any(f"| {word} |" in text for word in ("met", "missed"))


@pytest.mark.hapi
def test_the_rows_with_java_give_numbers(hapi: HapiServer, tmp_path: Path) -> None:
    rows = [word for row in (*WITH_JAVA, "nothing-changed") for word in ("--only", row)]
    text = run(tmp_path / "page.md", "--hapi", hapi.base_url, *rows)
    for figure in (
        "time beside the bare upload",
        "laboratory results: beside HL7's engine",
        "time beside the first sync to HAPI",
    ):
        line = next(line for line in text.splitlines() if f"| {figure} |" in line)
        assert line.split("|")[4].strip() in ("met", "missed"), line

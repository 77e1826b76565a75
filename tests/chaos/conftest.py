"""The tally of interruptions, told at the end of the test session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

Tally = Counter[str]

_TOLD = "interruptions"


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Counts what was done and what was found, for the summary."""
    counted: Tally = Counter()
    yield counted
    # A property travels with the test's report, from whichever process ran it.
    request.node.user_properties.append((_TOLD, dict(counted)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the tally of all tests."""
    found: Tally = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "teardown":
                found.update(dict(report.user_properties).get(_TOLD, {}))
    if found:
        terminalreporter.section("interruptions")
        for what, times in sorted(found.items()):
            terminalreporter.write_line(f"{times:6,}  {what}")

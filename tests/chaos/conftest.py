"""The tally of interruptions, told at the end of the test session."""

from __future__ import annotations

from collections import Counter

import pytest

Tally = Counter[str]

_TALLY = pytest.StashKey[Tally]()


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    """Counts what was done and what was found, for the summary."""
    return pytestconfig.stash.setdefault(_TALLY, Counter())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the tally."""
    found = config.stash.get(_TALLY, None)
    if found:
        terminalreporter.section("interruptions")
        for what, times in sorted(found.items()):
            terminalreporter.write_line(f"{times:6,}  {what}")

"""The commands, one module per noun.

Nothing heavy is imported before a command runs, so that ``--help`` answers at once.

Exit codes: 0 clean (held rows and warnings included), 1 a finding of severity error, a dead letter, a conflict, a drift
or a part of a plan that has moved, 2 usage or config, 3 input unreadable, 4 internal, 5 target unreachable or refusing,
130 stopped by Ctrl-C or SIGTERM before all was done (the worker, which is meant to be stopped, ends with 0).
"""

from __future__ import annotations

import sys
from typing import NoReturn

INTERRUPTED = 130
"""The exit code of a command that was stopped before all was done."""


class Interrupted(Exception):
    """A command was stopped by Ctrl-C or SIGTERM; its text says what that means for what the command does.

    No KeyboardInterrupt, of which the parser of the command line leaves nothing but the exit code.
    """


def main() -> NoReturn:
    """Runs the command line and ends the process with its exit code."""
    try:
        from fhir_msc.cli.streams import make_usable

        make_usable()
        from fhir_msc.cli.app import run
        from fhir_msc.collector import collect_rarely

        collect_rarely()
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are loaded
        sys.stderr.write("fhir-msc: interrupted before anything was done\n")
        code = INTERRUPTED
    sys.exit(code)


__all__ = ["INTERRUPTED", "Interrupted", "main"]

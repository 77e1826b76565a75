"""Standard input, output and error as a command may be given them: closed, or in an encoding that lacks characters."""

from __future__ import annotations

import io
import os
import sys


def make_usable() -> None:
    """Opens what is closed on nothing, and lets no character that a stream cannot show end a command.

    What is closed would be the number of the next file that is opened: of the ledger, into which would then be printed.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            _open_on_nothing(number)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _open_on_nothing(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)

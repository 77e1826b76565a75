"""A process of ours looks for circles rarely; a library leaves its host's collector alone."""

from __future__ import annotations

import subprocess
import sys

_TOLD = "; import gc; print(gc.get_threshold()[0] > 700, gc.get_freeze_count() > 1000)"


def told(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program + _TOLD], capture_output=True, check=True, text=True).stdout


def test_a_command_sets_it_and_the_library_does_not() -> None:
    assert told("from fhir_msc import validate; validate({'resourceType': 'Patient'})") == "False False\n"
    ended = "\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
    command = f"import sys; from fhir_msc.cli import main; sys.argv[1:] = ['--version']{ended}import os"
    assert told(command).endswith("True True\n")

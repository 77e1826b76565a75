"""A process of ours looks for circles rarely; a library leaves its host's collector alone."""

from __future__ import annotations

import subprocess
import sys

_TOLD = "; import gc; print(gc.get_threshold()[0], gc.get_freeze_count() > 1000)"


def told(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program + _TOLD], capture_output=True, check=True, text=True).stdout


def test_a_command_sets_it_and_the_library_does_not() -> None:
    untouched = told("pass")  # Python 3.13 has another threshold than 3.11
    assert untouched.endswith(" False\n")
    assert told("from fhir_msc import validate; validate({'resourceType': 'Patient'})") == untouched
    ended = "\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
    command = f"import sys; from fhir_msc.cli import main; sys.argv[1:] = ['--version']{ended}import os"
    threshold, frozen = told(command).split()[-2:]
    assert int(threshold) > int(untouched.split()[0])
    assert frozen == "True"

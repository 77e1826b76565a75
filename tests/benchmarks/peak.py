"""Runs one ``fhir-msc`` command and writes the peak of its resident memory, in bytes, as the last line of stderr."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

from fhir_msc.cli.app import run
from fhir_msc.collector import collect_rarely

_STATUS = Path("/proc/self/status")


def peak() -> int:
    """Bytes. From /proc where there is one: getrusage counts what the parent held when it forked."""
    if _STATUS.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(), re.M)
        if found:
            return int(found[1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


if __name__ == "__main__":
    collect_rarely()
    code = run(sys.argv[1:])
    sys.stdout.flush()
    print(peak(), file=sys.stderr)
    sys.exit(code)

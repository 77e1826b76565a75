"""The same in another process: with another hash seed, time zone and locale, and under watch.

What two processes on one machine agree in may still differ on another one; these are what most often makes it so.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

from fhir_msc.errors import UsageError

_OTHERWISE = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONUTF8": "1"}


def elsewhere(what: str, *arguments: object) -> str:
    """What ``main`` says in another process, which finds the modules that this one finds. Raises UsageError."""
    found = os.pathsep.join(str(Path(one).resolve()) for one in sys.path)
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    done = subprocess.run(
        [sys.executable, "-c", "from fhir_msc.testing.elsewhere import main; main()"],
        input=pickle.dumps((what, arguments)),
        env={**os.environ, **_OTHERWISE, "PYTHONPATH": found, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(f"the other process failed: {said[-1] if said else done.returncode}")
    return done.stdout.decode("ascii").strip()


def main() -> None:
    """Reads what is asked from stdin and prints the answer."""
    from fhir_msc.testing import builders, packs

    asked: tuple[str, tuple[object, ...]] = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from the process above
    what, arguments = asked
    if what == "pack":
        (run,) = arguments
        assert isinstance(run, packs.Run)
        sys.stdout.write(packs.digest(run))
    else:
        type, records = arguments
        assert isinstance(type, str)
        assert isinstance(records, tuple)
        sys.stdout.write(builders.watched(type, records))

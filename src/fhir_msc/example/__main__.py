"""``python -m fhir_msc.example DIR`` writes the synthetic export of the example trial into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from fhir_msc.example.misle import generate

_USAGE = "usage: python -m fhir_msc.example DIR"


def main(arguments: list[str]) -> int:
    """Writes the files below the folder named; 2 if none is named, 3 if it cannot be written."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(f"{_USAGE}\n")
        return 2
    folder = Path(arguments[0])
    try:
        for name, content in generate().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        sys.stderr.write(f"{error.filename or folder}: {error.strerror}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

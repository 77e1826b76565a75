"""What the system refuses to whoever has no right. Tests run as root too, whom modes of files do not stop."""

from __future__ import annotations

import builtins
import io
import os
from pathlib import Path
from typing import Any

import pytest


def deny(patch: pytest.MonkeyPatch, denied: Path, call: str) -> None:
    """Lets this function of ``os`` refuse the path; with ``open`` nobody opens it."""
    modules = (os, io, builtins) if call == "open" else (os,)
    for module in modules:
        given = getattr(module, call)

        def refuse(path: Any, *rest: Any, _given: Any = given, **named: Any) -> Any:
            if not isinstance(path, int) and Path(os.fsdecode(path)) == denied:
                raise PermissionError(13, "Permission denied", str(path))
            return _given(path, *rest, **named)

        patch.setattr(module, call, refuse)

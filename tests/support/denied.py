"""What the system refuses to whoever has no right. Tests run as root too, whom modes of files do not stop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest


def deny(patch: pytest.MonkeyPatch, denied: Path, *calls: str) -> None:
    """Lets these functions of ``os`` refuse this path."""
    for call in calls:
        given = getattr(os, call)

        def refuse(path: Any, *rest: Any, _given: Any = given, **named: Any) -> Any:
            if not isinstance(path, int) and Path(os.fsdecode(path)) == denied:
                raise PermissionError(13, "Permission denied", str(path))
            return _given(path, *rest, **named)

        patch.setattr(os, call, refuse)

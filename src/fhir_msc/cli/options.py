"""Options that commands share, and who it is that gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ProjectOption = Annotated[Path, typer.Option("--project", help="The project's folder.", metavar="DIR")]
TargetOption = Annotated[
    str | None, typer.Option("--target", help="The target, where the project has several.", metavar="NAME")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
ShowValuesOption = Annotated[
    bool, typer.Option("--show-values", help="Show the cells of findings. They are participants' data.")
]


def person() -> str:
    """Who answers, for the audit: the system's user. Raises UsageError where it has no name."""
    import getpass

    from fhir_msc.errors import UsageError

    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # a container's user without a name
        raise UsageError("the system does not name its user", hint="say who answers: --by NAME") from error

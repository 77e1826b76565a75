"""Options that commands share."""

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

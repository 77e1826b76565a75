"""The demo: the example's project in a folder of its own, a sandbox beside it, two syncs, and what they show."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from fhir_msc.cli.report import console, print_accounts
from fhir_msc.config import read_project
from fhir_msc.config_words import FILE, new_secret
from fhir_msc.errors import UsageError
from fhir_msc.pipeline import Synced, sync
from fhir_msc.reports.text import print_findings
from fhir_msc.sandbox import SandboxServer
from fhir_msc.sync.states import State

_MARK = ".fhir-msc-demo"


def example_folder(name: str = "misle-phase2") -> Path:
    """The folder of an example that comes with fhir_msc."""
    shipped = Path(__file__).parents[1] / "_shipped" / "examples" / name
    return shipped if shipped.is_dir() else Path(__file__).parents[3] / "examples" / name


def demonstrate(directory: Path) -> int:
    """Lays the project anew, syncs it twice to a sandbox of its own, and says what happened."""
    out = console()
    _lay(directory)
    with SandboxServer() as sandbox:
        _point(directory / FILE, sandbox.base_url)
        project = read_project(directory)
        out.print(
            f"The example trial {project.words.study.registry}, 81 participants randomised. All values are synthetic."
        )
        out.print(f"A FHIR server runs on {sandbox.base_url}; the blind project stands in {directory}.\n", markup=False)
        first = sync(project)
        print_accounts(out, first.status.accounts)
        out.print()
        print_findings(out, first.status.findings, show_values=False)
        out.print()
        _print_stored(first)
        second = sync(project)
        writes = 0 if second.delivery is None else second.delivery.created + second.delivery.updated
        out.print(f"\nA second sync writes nothing: {writes} writes.")
        out.print(f"\nLook at it again: fhir-msc status --project {directory}", markup=False)
    clean = first.delivery is not None and first.delivery.is_clean and writes == 0
    return 0 if clean else 1


def _print_stored(result: Synced) -> None:
    from rich.table import Table

    out = console()
    table = Table(title="Mapped, checked and stored", title_justify="left", box=None, pad_edge=False)
    for heading in ("resource", "mapped and checked", "held", "stored"):
        table.add_column(heading, justify="left" if heading == "resource" else "right")
    for name, states in result.status.states.items():
        held = states.get(State.HELD, 0)
        stored = states.get(State.SENT, 0)
        table.add_row(name, f"{sum(states.values()):,}", f"{held:,}" if held else "", f"{stored:,}")
    out.print(table)


def _lay(directory: Path) -> None:
    if directory.exists():
        if not (directory / _MARK).is_file():
            raise UsageError(f"{directory} is not the demo's: it stays as it is", hint="name another with --directory")
        _clear(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARK).touch()  # first, and it stays: what is left half-way is the demo's
    left = shutil.ignore_patterns("secret", "state", "unblinded")
    try:
        shutil.copytree(example_folder(), directory, ignore=left, dirs_exist_ok=True)
    except shutil.Error as error:
        _, path, reason = error.args[0][0]
        raise UsageError(
            f"{path}: the demo cannot be laid ({reason})", hint="name a folder with --directory"
        ) from error
    secret = directory / "secret"
    secret.touch(mode=0o600)
    secret.write_text(new_secret() + "\n", "ascii")


def _clear(directory: Path) -> None:
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _MARK:
            path.unlink()


def _point(config: Path, url: str) -> None:
    text = config.read_text("utf-8")
    config.write_text(re.sub(r'^url = ".*"$', f'url = "{url}"', text, count=1, flags=re.M), "utf-8")

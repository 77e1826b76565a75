"""The command line: its commands, and what an error becomes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import typer
from typer.exceptions import Abort, TyperException

from fhir_msc.cli import (
    INTERRUPTED,
    Interrupted,
    audit,
    corrections,
    demo,
    init,
    mapping,
    plan,
    queries,
    reconcile,
    retire,
    sandbox,
    status,
    study,
    sync,
    target,
    terminology,
    trace,
    validate,
    verify,
)
from fhir_msc.errors import FhirMscError, UsageError

if TYPE_CHECKING:
    from typer.core import TyperGroup

INTERNAL = 4

app = typer.Typer(
    name="fhir-msc",
    help="A trial's export becomes FHIR R4 on a hospital's server, and stays in step with it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("init")(init.init)
app.command("demo")(demo.demo)
app.command("map")(mapping.map_export)
app.add_typer(mapping.app, name="mapping")
app.command("validate")(validate.validate)
app.add_typer(target.app, name="target")
app.command("plan")(plan.plan)
app.command("sync")(sync.sync)
app.command("worker")(sync.worker)
app.command("status")(status.status)
app.command("verify")(verify.verify)
app.command("trace")(trace.trace)
app.command("reconcile")(reconcile.reconcile)
app.command("queries")(queries.queries)
app.command("corrections")(corrections.corrections)
app.command("retire")(retire.retire)
app.add_typer(audit.app, name="audit")
app.add_typer(study.app, name="study")
app.add_typer(terminology.app, name="terminology")
app.command("sandbox")(sandbox.sandbox)


def run(arguments: Sequence[str]) -> int:
    """Runs one command; gives its exit code. A mistake of the user is one message, never a traceback."""
    try:
        code = _commands().main(args=list(arguments) or ["--help"], prog_name="fhir-msc", standalone_mode=False)
    except FhirMscError as error:
        sys.stderr.write(f"fhir-msc: {error}\n")
        return error.exit_code
    except TyperException as error:
        sys.stderr.write(
            f"fhir-msc: {_said(error)}\n  fhir-msc --help shows the commands, fhir-msc COMMAND --help their options\n"
        )
        return UsageError.exit_code
    except Interrupted as stopped:
        return _interrupted(str(stopped))
    except (Abort, KeyboardInterrupt):
        return _interrupted()
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001 - the last door: no value of a participant may go through it
        if isinstance(error, OSError) and (error.filename is not None or error.strerror):
            # No such folder, rights, a full disk: for who runs the command to mend.
            where = "the disk" if error.filename is None else error.filename
            why = error.strerror or type(error).__name__
            sys.stderr.write(f"fhir-msc: {where}: cannot be read or written ({why})\n")
            return UsageError.exit_code
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
        sys.stderr.write(f"fhir-msc: internal error {type(error).__name__} at {place}; please report it\n")
        return INTERNAL
    if code == INTERRUPTED:  # what the parser makes of a KeyboardInterrupt
        return _interrupted()
    return code if isinstance(code, int) else 0


def _interrupted(says: str = "interrupted before all was done; run the same command again") -> int:
    sys.stderr.write(f"fhir-msc: {says}\n")
    return INTERRUPTED


@cache
def _commands() -> TyperGroup:
    """The commands as they are parsed. Made once: a caller in one process may run many."""
    return typer.main.get_group(app)


def _said(error: TyperException) -> str:
    describe = getattr(error, "format_message", None)
    return str(describe() if describe is not None else error)

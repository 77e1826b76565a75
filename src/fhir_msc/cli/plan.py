"""``fhir-msc plan``: what a sync would do, before it does it; and the file that ``sync --plan`` keeps to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, ShowValuesOption, TargetOption

if TYPE_CHECKING:
    from rich.console import Console

    from fhir_msc.config import Project
    from fhir_msc.sync.comparison import FieldDifference
    from fhir_msc.sync.course import Planned
    from fhir_msc.sync.plan import Plan, Step
    from fhir_msc.sync.staging import StagingReport

_FORMAT = "fhir-msc plan 1"
_SHOWN = 10
_FIELDS_SHOWN = 6


def plan(
    project: ProjectOption = Path(),
    target: TargetOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write the plan for `sync --plan FILE`.")
    ] = None,
    json: JsonOption = False,
    show_values: ShowValuesOption = False,
) -> int:
    """Show what a sync would create, update, leave, skip, and where it conflicts. Reads the server, writes nothing."""
    import orjson

    from fhir_msc.cli.report import console, print_json
    from fhir_msc.config import read_project
    from fhir_msc.oversight import make_plan
    from fhir_msc.sync.plan import Action

    opened = read_project(project, target)
    found, staging = make_plan(opened)
    if output is not None:
        output.write_bytes(orjson.dumps(_document(opened, found, False), option=orjson.OPT_INDENT_2))
    if json:
        print_json(_document(opened, found, show_values))
    else:
        _print(console(), found, staging, show_values)
        if output is not None:
            console().print(f"\nwritten to {output}; fhir-msc sync --plan {output} does exactly this", markup=False)
    if staging.errors:
        return 3
    return 1 if found.count(Action.CONFLICT) else 0


def read_plan(path: Path, project: Project) -> Mapping[str, Planned]:
    """What a plan's file says may be sent, by rid. Raises UsageError for what is no plan of this project."""
    import orjson

    from fhir_msc.errors import UsageError
    from fhir_msc.sync.course import Planned
    from fhir_msc.sync.plan import SENDS, Action

    hint = "make one: fhir-msc plan --output FILE"
    try:
        document = orjson.loads(path.read_bytes())
        if document["format"] != _FORMAT:
            raise ValueError
        steps = {
            step["key"]: Planned(bytes.fromhex(step["digest"]), step["version"])
            for step in document["steps"]
            if step["action"] in (*SENDS, Action.NOTHING)
        }
        belongs = document["project"]
    except OSError as error:
        raise UsageError(f"{path}: the plan cannot be read ({type(error).__name__})", hint=hint) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: this is no plan of fhir-msc", hint=hint) from error
    if belongs != _belongs(project):
        raise UsageError(f"{path}: the plan is of another project or target", hint=hint)
    return steps


def _belongs(project: Project) -> str:
    """Tells this project and target from any other, and nothing of either."""
    from fhir_msc.resources.identity import Identity

    name, target = project.target
    return Identity(project.secret(), target.identity).digest("plan", (name,)).hex()[:32]


def _document(project: Project, plan: Plan, show_values: bool) -> dict[str, object]:
    return {
        "format": _FORMAT,
        "project": _belongs(project),
        "target": plan.target,
        "counts": _counts(plan),
        "unchanged": plan.unchanged,
        "vanished": [{"type": one.type, "key": one.rid} for one in plan.vanished],
        "steps": [_step_document(step, show_values) for step in plan.steps],
    }


def _counts(plan: Plan) -> dict[str, int]:
    from fhir_msc.sync.plan import Action

    return {action.value: plan.count(action) for action in Action}


def _step_document(step: Step, show_values: bool) -> dict[str, object]:
    from fhir_msc.reports.document import origin_document

    return {
        "type": step.type,
        "key": step.rid,
        "action": step.action.value,
        "digest": step.digest,
        "version": step.version,
        "cause": step.cause,
        "reason": step.reason,
        "fields": [
            {"path": one.path, **({"server": one.theirs, "desired": one.mine} if show_values else {})}
            for one in step.fields
        ],
        "origins": [origin_document(origin) for origin in step.origins],
    }


def _print(out: Console, plan: Plan, staging: StagingReport, show_values: bool) -> None:
    from rich.table import Table

    from fhir_msc.sync.plan import Action

    for error in staging.errors:
        out.print(f"unreadable  {error}", markup=False)
    table = Table(title=f"Plan for target {plan.target}", title_justify="left", box=None, pad_edge=False)
    table.add_column("resource")
    actions = [action for action in Action if plan.count(action)]
    for action in actions:
        table.add_column(action.value, justify="right")
    table.add_column("because of")
    for type in sorted({step.type for step in plan.steps}):
        steps = [step for step in plan.steps if step.type == type]
        counts = [sum(step.action is action for step in steps) for action in actions]
        because = sorted({step.cause for step in steps if step.cause})
        table.add_row(type, *[f"{count:,}" if count else "" for count in counts], "; ".join(because))
    out.print(table)
    for action in (Action.UPDATE, Action.DELETE, Action.CONFLICT, Action.SKIP, Action.WAIT):
        members = [step for step in plan.steps if step.action is action]
        for step in members[:_SHOWN]:
            place = str(step.origins[0]) if step.origins else ""
            out.print(f"{step.action.value:<9} {step.type}/{step.rid}  {step.reason}  {place}", markup=False)
            for one in step.fields[:_FIELDS_SHOWN]:
                out.print(f"            {_line(one, show_values)}", markup=False)
        if len(members) > _SHOWN:
            out.print(f"          ... and {len(members) - _SHOWN:,} more (--json has them all)", markup=False)
    out.print(f"\n{plan.unchanged:,} unchanged; nothing was written.", markup=False)
    if plan.vanished:
        out.print(
            f"{len(plan.vanished):,} are not given by the source any more: they stay on the server as they are",
            markup=False,
        )


def _line(one: FieldDifference, show_values: bool) -> str:
    sign = "+" if one.theirs is None else "-" if one.mine is None else "~"
    return f"{sign} {one.path}" + (f": {one.theirs} -> {one.mine}" if show_values else "")

"""``fhir-msc study``: what the study is in this project; ``study import``: what a registry says of one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption

if TYPE_CHECKING:
    from fhir_msc.trial import Study

app = typer.Typer(
    help="Show what the study is, or import it from a registry.", invoke_without_command=True, rich_markup_mode=None
)
_MOST_SHOWN = 12


@app.callback()
def study(context: typer.Context, project: ProjectOption = Path(), json: JsonOption = False) -> int:
    """Show the study as this project sends it: people, sites, arms, schedule, eligibility, outcome measures."""
    if context.invoked_subcommand is not None:
        return 0
    from fhir_msc.cli.report import print_json
    from fhir_msc.config import read_project
    from fhir_msc.config_study import words_of
    from fhir_msc.oversight import study_of

    found = study_of(read_project(project))
    if json:
        print_json(words_of(found))
    else:
        _print_study(found)
    return 0


@app.command("import")
def import_record(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A record of ClinicalTrials.gov (API version 2, JSON).")],
    json: JsonOption = False,
) -> int:
    """Print the [study] and [sites] that a registry's record gives, to be copied into fhir-msc.toml."""
    from fhir_msc.cli.report import print_json
    from fhir_msc.cli.toml_text import toml_tables
    from fhir_msc.config_study import words_of
    from fhir_msc.sources.registry import read_registry_record

    found, remarks = read_registry_record(file)
    words = words_of(found)
    if json:
        print_json({**words, "remarks": remarks})
        return 0
    lines = [f"# {found.registry}, imported by fhir-msc study import. It replaces [study] and [sites] of the config."]
    lines += [f"# {remark}" for remark in remarks]
    sys.stdout.write("\n".join([*lines, "", *toml_tables(words)]).rstrip("\n") + "\n")
    return 0


def _print_study(study: Study) -> None:
    from fhir_msc.cli.report import console

    out = console()
    registry = f" ({study.registry})" if study.registry else ""
    out.print(f"{study.identifier}{registry}  {study.title}", markup=False)
    enrolled = study.actual_enrolment or study.planned_enrolment
    facts = (
        ("status", study.status),
        ("phase", study.phase),
        ("masking", study.masking),
        ("sponsor", study.sponsor),
        ("condition", ", ".join(study.conditions)),
        ("from, to", " to ".join(filter(None, (study.start, study.end)))),
        ("participants", None if enrolled is None else f"{enrolled} {'' if study.actual_enrolment else 'planned'}"),
    )
    for name, text in facts:
        if text:
            out.print(f"  {name:<13} {text}", markup=False)
    for name, lines in _lists(study).items():
        if not lines:
            continue
        out.print(f"\n{name}: {len(lines)}", markup=False)
        for line in lines[:_MOST_SHOWN]:
            out.print(f"  {line}", markup=False)
        if len(lines) > _MOST_SHOWN:
            out.print(f"  ... and {len(lines) - _MOST_SHOWN} more (--json has them all)", markup=False)


def _lists(study: Study) -> dict[str, list[str]]:
    criteria = [
        f"{one.identifier or '-':<8} {'in ' if one.inclusion else 'out'} {one.text.splitlines()[0]:.80}"
        f"{f' [{one.version}]' if one.version else ''}"
        for one in study.eligibility
    ]
    visits = []
    for one in study.planned_visits:
        day = "" if one.day is None else f" day {one.day}"
        window = (one.window_before, one.window_after)
        around = "" if window == (None, None) else f" (-{window[0] or 0}/+{window[1] or 0})"
        rule = f" {one.start}" if one.start else ""
        visits.append(f"{one.number:<8} {one.name or ''}{day}{around}{rule}")
    return {
        "investigators": [f"{one.name}, {one.role}" for one in study.investigators],
        "sites": [f"{one.identifier:<8} {one.name or ''}" for one in study.sites],
        "arms": [f"{one.code:<8} {one.name}" for one in study.arms],
        "planned visits": visits,
        "eligibility criteria": criteria,
        "objectives and outcome measures": [
            f"{one.kind:<12} {one.title:.80}{f' ({one.time_frame:.40})' if one.time_frame else ''}"
            for one in study.outcome_measures
        ],
    }

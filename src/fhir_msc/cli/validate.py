"""``fhir-msc validate``: FHIR files, or the project's export through its pack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli import Interrupted
from fhir_msc.cli.options import JsonOption, ProjectOption, ShowValuesOption, TargetOption
from fhir_msc.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from fhir_msc.pipeline import Checked
    from fhir_msc.reports.tally import Report, Selection
    from fhir_msc.validation.files import Second
    from fhir_msc.validation.profiles.known import Profiles
    from fhir_msc.validation.refusals import Refused
    from fhir_msc.validation.trial import TrialRules


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="FHIR JSON, NDJSON or folders of them, - for stdin. None: the export."),
    ] = None,
    project: ProjectOption = Path(),
    target: TargetOption = None,
    report: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FORMAT[=FILE]",
            help="Write text, json, outcome, sarif, junit, html or csv to FILE, or else to stdout. May be repeated.",
        ),
    ] = None,
    json: JsonOption = False,
    show_values: ShowValuesOption = False,
    fail_on: Annotated[
        Severity, typer.Option(help="The mildest severity of a finding that makes the exit code 1.")
    ] = Severity.ERROR,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="These rules alone; * and ? as in file names. Repeatable.")
    ] = None,
    exclude_rule: Annotated[list[str] | None, typer.Option(metavar="RULE", help="Not these rules. Repeatable.")] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tell only of findings that this file does not name.")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the findings as a baseline, and end with 0.")
    ] = None,
    max_findings: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Keep so many findings (10,000), worst first; count all.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Check FHIR files in so many processes.")] = 1,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody. It is so without --server.")] = False,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask this FHIR server's $validate, too. It sees the resources.")
    ] = None,
    bearer: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="For --server: env:NAME, file:PATH or cmd:COMMAND.")
    ] = None,
    java: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Ask HL7's engine, too, as it was built in this folder.")
    ] = None,
    package: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A FHIR package (.tgz) whose profiles and value sets count. Repeatable."),
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Hold every resource of its type against this profile. Repeatable."),
    ] = None,
    must_support: Annotated[
        bool, typer.Option("--must-support", help="Tell which must-support elements lack, each once.")
    ] = False,
    refuse: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="An error, though R4 allows it: html-in-markdown, html-in-text, example-urls, unresolved-references, "
            "unknown-extensions. Repeatable.",
        ),
    ] = None,
    trial: Annotated[
        bool,
        typer.Option("--trial", help="Hold FHIR files to the trial rules, too, as one set; an export always is."),
    ] = False,
    blind: Annotated[
        bool, typer.Option("--blind", help="--trial for files that go to the blind: find what tells the arm.")
    ] = False,
    explain: Annotated[str | None, typer.Option(metavar="RULE", help="Say what a rule is, and check nothing.")] = None,
) -> int:
    """Check FHIR files; without a PATH, map the project's export and check every body it would send."""
    from fhir_msc.cli.report import exit_code
    from fhir_msc.errors import UsageError

    if explain is not None:
        return _explain(explain, json)
    if baseline is not None and write_baseline is not None:
        raise UsageError("--baseline and --write-baseline at once", hint="write the baseline anew, without the old one")
    if offline and server is not None:
        raise UsageError("--offline and --server at once", hint="take one of the two")
    if not paths and (server is not None or java is not None):
        raise UsageError("others are asked about FHIR files alone", hint="write the bodies with `fhir-msc map` first")
    if not paths and refuse:
        raise UsageError("--refuse is for FHIR files alone", hint="write the bodies with `fhir-msc map` first")
    if not paths and (package or profile or must_support):
        raise UsageError("profiles are for FHIR files alone", hint="write the bodies with `fhir-msc map` first")
    wanted = _wanted([*(report or ()), *(["json"] if json else ())])
    selection = _selection(rule or [], exclude_rule or [], baseline, max_findings)
    checked: Checked | None = None
    if paths:
        profiles = _profiles(package or [], profile or [], must_support=must_support)
        rules = _trial_rules(project, target, blind) if trial or blind else None
        asked = server is not None or java is not None
        others = partial(_second, server, bearer, java, package or []) if asked else None
        found = _of_files(paths, selection, jobs, others, profiles, rules, _refused(refuse or []))
    else:
        checked, found = _of_export(project, target, selection)
    if write_baseline is not None:
        from fhir_msc.reports import write_baseline as written

        written(write_baseline, found)
    _tell(found, checked, wanted, show_values)
    code = exit_code(found, fail_on)
    return 0 if code == 1 and write_baseline is not None else code


def _wanted(given: list[str]) -> dict[Path | None, str]:
    """The format of each file, ``None`` being stdout. Raises UsageError."""
    from fhir_msc.errors import UsageError
    from fhir_msc.reports import FORMATS

    wanted: dict[Path | None, str] = {}
    for words in given:
        form, _, name = words.partition("=")
        path = Path(name) if name not in ("", "-") else None
        if form not in FORMATS:
            raise UsageError(f"there is no format {form!r}", hint=f"one of: {', '.join(FORMATS)}")
        if path in wanted:
            raise UsageError(f"two reports go to {path or 'stdout'}", hint="say --report FORMAT=FILE")
        wanted[path] = form
    return wanted


def _selection(rules: list[str], excluded: list[str], baseline: Path | None, most: int | None) -> Selection:
    from fhir_msc.reports import MOST_KEPT, Selection, read_baseline
    from fhir_msc.reports.rules import refuse_unknown

    only, never = tuple(map(str.upper, rules)), tuple(map(str.upper, excluded))
    if only or never:
        refuse_unknown((*only, *never))
    known = read_baseline(baseline) if baseline is not None else frozenset()
    return Selection(only, never, known, MOST_KEPT if most is None else most)


def _profiles(packages: list[Path], urls: list[str], *, must_support: bool) -> Profiles | None:
    """What the packages hold, ``None`` where nothing was asked beyond R4's own profiles."""
    if not (packages or urls or must_support):
        return None
    from fhir_msc.validation.profiles.known import read_profiles

    return read_profiles(packages, urls, must_support=must_support)


def _refused(given: list[str]) -> frozenset[Refused]:
    """What is refused. Raises UsageError for what nobody knows."""
    if not given:
        return frozenset()
    from fhir_msc.errors import UsageError
    from fhir_msc.validation.refusals import Refused

    known = {one.value: one for one in Refused}
    for name in given:
        if name not in known:
            raise UsageError(f"there is no {name!r} to refuse", hint=f"one of: {', '.join(known)}")
    return frozenset(known[name] for name in given)


def _of_files(
    paths: list[Path],
    selection: Selection,
    jobs: int,
    others: Callable[[ExitStack], Second] | None,
    profiles: Profiles | None,
    trial: TrialRules | None,
    refused: frozenset[Refused],
) -> Report:
    from contextlib import ExitStack

    from fhir_msc.cli.progress import Progress
    from fhir_msc.validation.files import validate_files

    with _one_line_when_interrupted(), Progress() as progress, ExitStack() as stack:
        second = others(stack) if others is not None else None
        return validate_files(
            paths,
            selection,
            jobs=jobs,
            progress=progress.bar,
            second=second,
            profiles=profiles,
            trial=trial,
            refused=refused,
        )


@contextmanager
def _one_line_when_interrupted() -> Iterator[None]:
    """Of Ctrl-C there is one line, and no report: half a report would look like a whole one."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted before all was checked; nothing is reported") from None


def _trial_rules(folder: Path, target: str | None, blind: bool) -> TrialRules:
    """What the project in the folder says of its trial, if there is one: whether it is blind, too."""
    from dataclasses import replace

    from fhir_msc.config import read_project
    from fhir_msc.config_words import FILE
    from fhir_msc.validation.trial import TrialRules

    if not (folder / FILE).exists():
        return TrialRules(blind=blind)
    from fhir_msc.desired.trial_rules import rules_of

    project = read_project(folder, target)
    rules = rules_of(project.pack, project.policy)
    return replace(rules, blind=blind or rules.blind)


def _second(
    server: str | None, bearer: str | None, java: Path | None, packages: list[Path], stack: ExitStack
) -> Second:
    """What others say, too."""
    from fhir_msc.second_opinion import engine_opinion, server_opinion, with_opinions
    from fhir_msc.target.auth import Bearer
    from fhir_msc.target.client import FhirClient

    opinions = []
    if server is not None:
        client = stack.enter_context(FhirClient(server, auth=Bearer(bearer) if bearer else None))
        opinions.append(server_opinion(client))
    if java is not None:
        opinions.append(stack.enter_context(engine_opinion(java, packages)))
    return with_opinions(opinions)


def _of_export(folder: Path, target: str | None, selection: Selection) -> tuple[Checked, Report]:
    from fhir_msc.cli.progress import Progress
    from fhir_msc.config import read_project
    from fhir_msc.export_report import report_of
    from fhir_msc.pipeline import checked

    project = read_project(folder, target)
    with Progress() as progress:
        result = checked(project, progress)
    return result, report_of(project, result, selection)


def _tell(found: Report, checked: Checked | None, wanted: dict[Path | None, str], show_values: bool) -> None:
    from fhir_msc.cli.report import console, print_export, write_report

    for path, form in wanted.items():
        write_report(found, form, path, show_values)
    if None in wanted:
        return
    if checked is not None:
        print_export(console(), checked.accounts, found, show_values)
    else:
        from fhir_msc.reports.text import print_report

        print_report(console(), found, show_values)


def _explain(name: str, json: bool) -> int:
    from dataclasses import asdict

    from fhir_msc.cli.report import console, print_json
    from fhir_msc.reports.rules import rule_named

    rule = rule_named(name)
    document = asdict(rule) | _invariant(name.upper())
    if json:
        print_json(document)
        return 0
    out = console()
    out.print(f"{rule.id}{'-…' if rule.family else ''}  ({rule.severity})", markup=False)
    out.print(f"  {rule.says}", markup=False)
    heads = {"text": "R4's text", "expression": "FHIRPath", "remedy": "what to do", "source": "source"}
    for part, head in heads.items():
        if part in document:
            out.print(f"  {head}: {document[part]}", markup=False)
    return 0


def _invariant(rule: str) -> dict[str, object]:
    """What R4 says of the invariant whose rule it is."""
    from fhir_msc.validation.definitions import constraint_named
    from fhir_msc.validation.problems import INVARIANT

    stated = constraint_named(rule.removeprefix(f"{INVARIANT}-").lower()) if rule.startswith(f"{INVARIANT}-") else None
    return {} if stated is None else {"text": stated.text, "expression": stated.expression}

"""``fhir-msc validate``: FHIR files, or the project's export through its pack."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_msc.cli.options import JsonOption, ProjectOption, ShowValuesOption, TargetOption

if TYPE_CHECKING:
    from fhir_msc.findings import Finding


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="FHIR JSON, NDJSON or folders of them, - for stdin. None: the export."),
    ] = None,
    project: ProjectOption = Path(),
    target: TargetOption = None,
    json: JsonOption = False,
    show_values: ShowValuesOption = False,
) -> int:
    """Check FHIR files; without a PATH, map the project's export and check every body it would send."""
    if paths:
        return _validate_files(paths, json, show_values)
    return _validate_export(project, target, json, show_values)


def _validate_files(paths: list[Path], json: bool, show_values: bool) -> int:
    from fhir_msc.cli.report import console, finding_document, print_findings, print_json
    from fhir_msc.validation import validate as check

    findings: list[Finding] = []
    resources = 0
    for finding_batch in (_located(name, line, check(text)) for name, line, text in _resources(paths)):
        resources += 1
        findings += finding_batch
    if json:
        documents = [finding_document(one, show_values) for one in findings]
        print_json({"resources": resources, "findings": documents})
    else:
        out = console()
        print_findings(out, findings, show_values)
        wrong = sum(one.is_error for one in findings)
        out.print(f"{resources:,} resources checked, {wrong:,} errors, {len(findings) - wrong:,} others")
    return 1 if any(one.is_error for one in findings) else 0


def _located(name: str, line: int | None, findings: list[Finding]) -> list[Finding]:
    from dataclasses import replace

    from fhir_msc.findings import Origin

    return [replace(one, origins=(Origin(name, name, line),)) for one in findings]


def _resources(paths: list[Path]) -> Iterator[tuple[str, int | None, bytes]]:
    """File name, line of an NDJSON file, and the text of each resource."""
    from fhir_msc.errors import SourceError

    for path in paths:
        if str(path) == "-":
            yield from _in_stream("stdin", sys.stdin.buffer.read())
            continue
        inside = path.rglob("*") if path.is_dir() else [path]
        files = sorted(one for one in inside if one == path or one.suffix in (".json", ".ndjson"))
        for file in files:
            try:
                if file.suffix == ".ndjson":
                    with file.open("rb") as stream:
                        for number, line in enumerate(stream, 1):
                            if line.strip():
                                yield str(file), number, line
                else:
                    yield str(file), None, file.read_bytes()
            except OSError as error:
                raise SourceError(f"cannot be read ({type(error).__name__})", file=str(file)) from error


def _in_stream(name: str, text: bytes) -> Iterator[tuple[str, int | None, bytes]]:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}") for line in lines):
        for number, line in enumerate(lines, 1):
            yield name, number, line
    else:
        yield name, None, text


def _validate_export(folder: Path, target: str | None, json: bool, show_values: bool) -> int:
    from fhir_msc.cli.progress import Progress
    from fhir_msc.cli.report import console, exit_code, export_document, print_export, print_json
    from fhir_msc.config import read_project
    from fhir_msc.pipeline import checked

    with Progress() as progress:
        result = checked(read_project(folder, target), progress)
    if json:
        print_json(export_document(result, show_values))
    else:
        print_export(console(), result, show_values)
    return exit_code(result)

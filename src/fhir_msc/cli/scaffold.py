"""A new project's files. What the export says of the study is written into the config; the rest is commented."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from fhir_msc.cli.toml_text import toml_text
from fhir_msc.config_words import FILE, PLACEHOLDER_NAMESPACE, new_identity, new_secret, parsed_words
from fhir_msc.errors import UsageError
from fhir_msc.mapping.design_table import compile_design
from fhir_msc.mapping.pack import Pack, find_pack, read_pack
from fhir_msc.sources.opening import SourceOptions, open_source
from fhir_msc.sources.sealed_source import SealedSource
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import Source
from fhir_msc.trial import StudyFact

_EXAMPLE_SITE = '# [sites."701"]\n# name = "Charleston"\n# zone = "America/New_York"\n'


def scaffold(
    directory: Path,
    *,
    pack: str,
    source: Path,
    target: str,
    zone: str | None,
    namespace: str | None,
    blind: bool,
) -> list[tuple[str, str]]:
    """Writes the project; gives what was written as (name, what). Raises UsageError where one stands there already."""
    if (directory / FILE).exists():
        raise UsageError(f"{directory / FILE}: a project stands here already", hint="name another folder")
    folder = find_pack(pack)
    known = read_pack(folder)
    seals = known.seals if blind else Seals()
    opened = open_source(
        source,
        SourceOptions(kinds=known.words.source, seals=seals, arms_are_treatments=known.words.arms_are_treatments),
    )
    sealed = SealedSource(opened, seals) if seals else opened
    text = _config(
        pack=pack
        if (folder.parent / pack).exists() and not (Path(pack) / "pack.yaml").is_file()
        else str(folder.resolve()),
        source=_relative(source, directory),
        form=opened.form,
        target=target,
        zone=zone,
        namespace=namespace or PLACEHOLDER_NAMESPACE,
        blind=blind,
        study=_study(known, sealed, seals),
        sites=_sites(known, sealed),
    )
    parsed_words(text)  # before anything is written
    _write(directory, {"secret": (new_secret() + "\n", 0o600), ".gitignore": ("secret\nstate/\n", 0o644)}, text)
    return [
        (FILE, "what is read, under which rules, and where it goes"),
        ("secret", "keeps the ids opaque; back it up: another one would double every resource"),
        (".gitignore", "keeps the secret and the ledger out of version control"),
    ]


def _write(directory: Path, beside: Mapping[str, tuple[str, int]], config: str) -> None:
    """The config last, for it is what makes the folder a project; what is there beside it stays as it is. What this
    made is taken away again where it fails half-way."""
    made = [one for one in (directory, *directory.parents) if not one.exists()]
    written: list[Path] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, (content, mode) in {**beside, FILE: (config, 0o666)}.items():
            path = directory / name
            if path.exists():
                continue
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            written.append(path)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(content)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        for folder in made:
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise


def _relative(path: Path, start: Path) -> str:
    return os.path.relpath(path.resolve(), start.resolve())


def _study(pack: Pack, source: Source, seals: Seals) -> dict[str, str]:
    """What the export says of the study, by the words of [study]."""
    found: dict[str, str] = {}
    if pack.words.study.identifier:
        found["identifier"] = next(_column(source, pack.words.study.identifier), "")
    for table in source.tables():
        described = pack.tables.get(table.name)
        if described is None or described.words.study is None or not described.words.study.fact:
            continue
        rows = sorted(compile_design(pack, described, table, source, seals).map(), key=lambda row: row.place)
        for part in (part for row in rows for part, _ in row.parts):
            if isinstance(part, StudyFact):
                found.setdefault(part.name, part.value)
    return found


def _sites(pack: Pack, source: Source) -> list[str]:
    column = pack.words.study.sites
    return sorted({site for site in _column(source, column) if site}) if column else []


def _column(source: Source, place: str) -> Iterator[str]:
    table, _, column = place.partition(".")
    if any(one.name == table for one in source.tables()):
        for _, (cell,) in source.rows(table, (column,)):
            yield cell


def _config(
    *,
    pack: str,
    source: str,
    form: str,
    target: str,
    zone: str | None,
    namespace: str,
    blind: bool,
    study: dict[str, str],
    sites: list[str],
) -> str:
    def word(name: str, example: str) -> str:
        return f"# {name} = {toml_text(study.get(name) or example)}"

    site_sections = "\n".join(
        f'[sites.{toml_text(site)}]\n# name = "Charleston"\n# zone = "America/New_York"\n' for site in sites
    )
    return f"""\
# A fhir_msc project. Check it with: fhir-msc validate --project .

[project]
pack = {toml_text(pack)}
source = {toml_text(source)}
# A blind project drops what tells the arm at the source's door. An unblinded one is another project.
blind = {str(blind).lower()}
secret = "file:secret"
# The base of your own identifiers and code systems. It can never be changed afterwards.
namespace = {toml_text(namespace)}
# The zone of sites that name none. Without one, times are sent as dates.
{f"zone = {toml_text(zone)}" if zone else '# zone = "America/New_York"'}
# When the data were cut. With it every participant's resources say from which table they come (Provenance).
# data_cut = 2026-03-31T18:00:00+02:00
# Resource types that builders of your own make, beside what fhir_msc makes.
# builders = ["Flag"]

[source]
# How the export is read, whatever else comes to lie beside it.
format = {toml_text(form)}

[study]
identifier = {toml_text(study.get("identifier") or "STUDY-1")}
title = {toml_text(study.get("title") or study.get("identifier") or "Title of the study")}
status = "active"
masking = {toml_text(study.get("masking") or "double")}
# What the export's own tables say of the study is taken from there. A word here counts instead.
{word("phase", "phase-2")}
{word("sponsor", "Name of the sponsor")}
{word("registry", "NCT00000000")}
{word("condition", "Systemic lupus erythematosus")}
{word("start", "2018-10-26")}
{word("end", "2026-02-03")}
# What the infusion is called while blind, and the 24 h telephone for emergency unblinding.
# product = "Study infusion"
# contact = "+00 000 0000"

# Sites: name and IANA zone.
{site_sections or _EXAMPLE_SITE}
[consent]
# How many days before it the consent covers (screening samples taken earlier).
covers_days_before = 0

# Answers to withdrawals that do not say whether the consent was withdrawn: "consent" or "participation".
[consent.withdrawals]
# "PARTICIPANT" = "participation"

[targets.main]
url = {toml_text(target)}
role = "store"
# The identity domain: ids of two targets cannot be joined. It can never be changed afterwards.
identity = {toml_text(new_identity())}
connections = 2
# Credentials are named, never written here: env:NAME, file:PATH or cmd:COMMAND.
# [targets.main.auth]
# bearer = "env:FHIR_TOKEN"

[worker]
# Seconds between two looks at the source.
interval = 60
"""

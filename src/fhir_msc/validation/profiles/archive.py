"""A FHIR package as HL7 publishes it: a gzipped tar with the folder ``package`` (https://hl7.org/fhir/packages.html).

An archive is material from elsewhere: it is read in memory, nothing is unpacked, and it may hold no more than so much.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson

from fhir_msc.errors import SourceError

MAX_TOTAL = 2 * 1024**3
"""The most bytes that a package may unpack to; the largest of HL7's own hold about half of that."""
MAX_FILE = 64 * 1024 * 1024
"""The largest definition that is read, in bytes."""
MAX_FILES = 100_000

READ = ("CodeSystem", "StructureDefinition", "ValueSet")
"""The types of resources that are read."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A package: its name and version, the names of the packages it rests on, its definitions as text by type."""

    name: str
    version: str
    dependencies: Mapping[str, str]
    files: Mapping[str, tuple[bytes, ...]]


def read_archive(path: Path) -> Archive:
    """Reads a package. Raises SourceError for what is no package, is damaged, or is larger than may be."""
    try:
        manifest, files = _read(path)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise _unreadable(path, f"is no FHIR package, or is damaged ({type(error).__name__})") from error
    if manifest is None:
        raise _unreadable(path, "has no package/package.json")
    try:
        about = cast(object, orjson.loads(manifest))
    except ValueError as error:
        raise _unreadable(path, "has a package.json that is no JSON") from error
    if not isinstance(about, dict):
        raise _unreadable(path, "has a package.json that is no object")
    _refuse_other_versions(path, about.get("fhirVersions") or about.get("fhir-version-list"))
    needed = about.get("dependencies")
    return Archive(
        name=str(about.get("name") or path.name),
        version=str(about.get("version") or ""),
        dependencies={str(k): str(v) for k, v in needed.items()} if isinstance(needed, dict) else {},
        files={kind: tuple(found) for kind, found in files.items()},
    )


def _read(path: Path) -> tuple[bytes | None, dict[str, list[bytes]]]:
    manifest: bytes | None = None
    files: dict[str, list[bytes]] = {kind: [] for kind in READ}
    total = count = 0
    with tarfile.open(path, "r|gz") as archive:  # a stream: each byte is unpacked once, in order
        for member in archive:
            total, count = total + max(member.size, 0), count + 1
            if total > MAX_TOTAL or count > MAX_FILES:
                raise _unreadable(path, f"holds more than {MAX_TOTAL // 1024**3} GiB or {MAX_FILES:,} files")
            folder, _, name = member.name.removeprefix("./").rpartition("/")
            if folder != "package" or not member.isfile() or not name.endswith(".json"):
                continue
            kind = name.partition("-")[0]
            if name != "package.json" and kind not in files:
                continue
            if member.size > MAX_FILE:
                raise _unreadable(path, f"holds a definition of more than {MAX_FILE // 1024**2} MiB")
            file = archive.extractfile(member)
            text = b"" if file is None else file.read()
            if name == "package.json":
                manifest = text
            else:
                files[kind].append(text)
    return manifest, files


def _refuse_other_versions(path: Path, versions: object) -> None:
    """R4 is 4.0; a package that says nothing is taken."""
    stated = [str(one) for one in versions] if isinstance(versions, list) else [str(versions)] if versions else []
    if stated and not any(one.startswith("4.0") for one in stated):
        raise _unreadable(path, f"is a package for FHIR {', '.join(stated)[:40]}, not for R4 (4.0.1)")


def _unreadable(path: Path, what: str) -> SourceError:
    return SourceError(what, file=str(path), hint="give the .tgz of a FHIR package, as npm pack or HL7's registry do")

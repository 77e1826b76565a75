"""Packages of the npm registry: fetched once into ``build/packages``, used only with the SHA-256 that stands here."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "packages"

PINNED = {
    "hl7.fhir.r4.examples@4.0.1": "dce87f1b5b9341867033f7d1f544fa1b5232503f6d62813887ac6b8a8b6cb682",
    "hl7.fhir.uv.extensions.r4@5.3.0-ballot-tc1": "54f70616bbd444ba0259d5fc5a5c978d463971865f23dcef3103081f529ad213",
    "hl7.fhir.uv.ips@2.0.0": "4a5cff17580f869140614ac51097d81540c63644d550ced8d4cd9b9bce7345c4",
    "@microsoft/jest-sarif@1.0.0-beta.0": "748e2c3d1a842e7bb258416685c7ea3a0da40005b72267b2052c2856d48ad102",
}
"""Each package as ``name@version`` with the SHA-256 of its archive."""


class PackageError(Exception):
    """A package could not be had, or is not the one that is pinned."""


def npm_unavailable_reason() -> str | None:
    """Why nothing can be fetched here, in one line; None if it can."""
    return None if shutil.which("npm") else "no npm (Debian: apt-get install npm)"


def fetched(package: str) -> Path:
    """The archive of a package that is pinned here, as ``name@version``; by ``npm pack`` if it is not there yet."""
    archive = FOLDER / f"{package.lstrip('@').replace('/', '-').replace('@', '-')}.tgz"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            npm = subprocess.run(
                ["npm", "pack", "--silent", "--pack-destination", str(FOLDER), package],
                capture_output=True,
                text=True,
                cwd=FOLDER,
            )
            if npm.returncode:
                raise PackageError(f"npm could not fetch {package}:\n{npm.stderr[-2000:]}")
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != PINNED[package]:
            archive.unlink()
            raise PackageError(f"{package} has the SHA-256 {found}, which is not the pinned one")
    return archive


def texts(package: str, largest: int, without: frozenset[str], inside: str = "package") -> Iterator[tuple[str, bytes]]:
    """The resources in a folder of a FHIR package by file name, which begins with their type: those of no more bytes
    than ``largest`` and of no type that is ``without``."""
    found: dict[str, bytes] = {}
    with tarfile.open(fetched(package)) as archive:
        for member in archive:  # in its own order, for going back in it costs reading it again
            folder, _, name = member.name.rpartition("/")
            kind, hyphen, _ = name.partition("-")
            if folder == inside and hyphen and kind[0].isupper() and kind not in without and member.size <= largest:
                file = archive.extractfile(member)
                if file is not None:
                    found[name] = file.read()
    yield from sorted(found.items())

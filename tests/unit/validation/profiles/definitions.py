"""Profiles and packages for the tests: short ways to write what a StructureDefinition says."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from fhir_msc.validation.profiles.archive import Archive
from fhir_msc.validation.profiles.known import Profiles

R4 = "http://hl7.org/fhir/StructureDefinition/"
OWN = "https://example.org/StructureDefinition/"


def profile(kind: str, *elements: dict[str, Any], name: str = "own", base: str = "", **members: Any) -> dict[str, Any]:
    """A profile as the difference from its base, the type itself unless another is named."""
    return {
        "resourceType": "StructureDefinition",
        "url": OWN + name,
        "type": kind,
        "baseDefinition": base or R4 + kind,
        "derivation": "constraint",
        "differential": {"element": [{"id": kind, "path": kind}, *elements]},
        **members,
    }


def element(path: str, **members: Any) -> dict[str, Any]:
    """A rule; ``a.b:slice`` as in an element's id."""
    name = path.rpartition(".")[2].partition(":")[2]
    plain = ".".join(part.partition(":")[0] for part in path.split("."))
    return {"id": path, "path": plain, **({"sliceName": name} if name else {}), **members}


def sliced(path: str, *discriminators: tuple[str, str], rules: str = "open", **members: Any) -> dict[str, Any]:
    found = [{"type": kind, "path": where} for kind, where in discriminators]
    return element(path, slicing={"discriminator": found, "rules": rules, **members})


def known(*documents: dict[str, Any], claimed: tuple[str, ...] = (), must_support: bool = False) -> Profiles:
    """Profiles as a package of them would be known."""
    files: dict[str, list[bytes]] = {"StructureDefinition": [], "ValueSet": [], "CodeSystem": []}
    for document in documents:
        files[document["resourceType"]].append(json.dumps(document).encode())
    archive = Archive("own", "1.0.0", {}, {kind: tuple(texts) for kind, texts in files.items()})
    return Profiles([archive], claimed, must_support=must_support)


def package(path: Path, *documents: dict[str, Any], **manifest: Any) -> Path:
    """The same as an archive."""
    about = {"name": "own", "version": "1.0.0", "fhirVersions": ["4.0.1"], **manifest}
    named = {f"{one['resourceType']}-{index}.json": one for index, one in enumerate(documents)}
    return archive(path, {"package/package.json": about, **{f"package/{name}": one for name, one in named.items()}})


def archive(path: Path, files: dict[str, Any]) -> Path:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, document in files.items():
            text = document if isinstance(document, bytes) else json.dumps(document).encode()
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    path.write_bytes(gzip.compress(out.getvalue()))
    return path


def claiming(resource: dict[str, Any], *names: str) -> dict[str, Any]:
    """The resource with the claim of profiles of ours."""
    return {**resource, "meta": {"profile": [OWN + name for name in names or ("own",)]}}


def without_photos(count: int) -> str:
    """NDJSON of patients who lack what ``wanting_a_photo`` asks for, and claim one profile that nobody knows."""
    patient = {"resourceType": "Patient", "name": [{"family": "A"}]}
    return "\n".join(json.dumps(claiming({**patient, "id": str(one)}, "own", "nobody")) for one in range(count))


def wanting_a_photo(folder: Path) -> Path:
    """A package with a profile of Patient."""
    return package(folder / "own.tgz", profile("Patient", element("Patient.photo", min=1, mustSupport=True)))

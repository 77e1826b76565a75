"""Writes the compact tables of FHIR R4 that the checks rest on: r4.json and r4_codes, r4_search, r4_profiles.json.

    npm pack hl7.fhir.r4.examples@4.0.1 hl7.fhir.r4.expansions@4.0.1
    python tools/r4_definitions.py hl7.fhir.r4.examples-4.0.1.tgz hl7.fhir.r4.expansions-4.0.1.tgz

``r4.json`` holds, for every resource and data type of R4 and every element with children (named by its path), the
elements it adds to its base as ``min..max types [@value set]``, a type as ``Code``, ``Code:Profile`` or
``Reference(Target,…)``, and its invariants by key: text, FHIRPath expression, the ``element`` of which it is stated
where that is one without children, and ``warning`` where it is no error; then the codes of the value sets that required
bindings name. A value set without a closed list of codes is left out. ``r4_codes.json`` holds the codes of
HL7's own code systems and of a standard named with its year, as far as the package has them whole, and which codes
stand ``below`` which, ``r4_search.json``
the type and the bases of its search parameters as ``type Base|Base``. ``r4_profiles.json`` holds the profiles and the
extensions of R4 by URL, as StructureDefinitions with what they add to their base and nothing that is only for people,
and the codes of the value sets that they bind, where those are closed. Origin and SHA-256 of the packages stand in
each. Equal packages give equal files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

Json = Mapping[str, Any]

FOLDER = Path(__file__).parent.parent / "src" / "fhir_msc" / "validation"
# Code systems that R4 holds for good: HL7's own, and a standard that its URI names with its year.
SETTLED = re.compile(r"http://(?:terminology\.)?hl7\.org/|urn:iso-astm:E1762-95:2013")
SPEC = "http://hl7.org/fhir/StructureDefinition/"
SEARCH = "http://hl7.org/fhir/SearchParameter/"
READ = ("StructureDefinition-", "ValueSet-", "CodeSystem-", "SearchParameter-")
TYPE_OF_STRING = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"

# UCUM, BCP 13 and a LOINC answer list: what the packages hold of them is a sample or nothing.
OPEN = frozenset(
    {
        "http://hl7.org/fhir/ValueSet/mimetypes",
        "http://hl7.org/fhir/ValueSet/ucum-units",
        "http://loinc.org/vs/LL379-9",
    }
)
# The definition calls the id of a resource a string; its text, and the HTTP of every server, call it an id.
CORRECTED = {"Resource.id": "id"}
# Stated again of every element, or of every extension, in the snapshots: kept where it comes from.
EVERYWHERE = {"ele-1": "Element", "ext-1": "Extension"}
OF_PROFILES = ("url", "version", "type", "baseDefinition", "derivation", "context")
OF_ELEMENTS = frozenset(
    {"id", "path", "sliceName", "slicing", "min", "max", "type", "binding", "constraint", "mustSupport"}
    | {"contentReference"}
)
# Bound by the vital-signs profiles, and the units that are known to be UCUM without parsing them.
UNITS = ("http://hl7.org/fhir/ValueSet/ucum-vitals-common", "http://hl7.org/fhir/ValueSet/ucum-common")


def main(arguments: Sequence[str]) -> int:
    """Reads the packages named on the command line and writes the tables."""
    parser = argparse.ArgumentParser(description="Writes the compact tables of FHIR R4.")
    parser.add_argument("packages", nargs="+", type=Path, metavar="PACKAGE.tgz")
    parser.add_argument("--output", type=Path, default=FOLDER, metavar="FOLDER")
    options = parser.parse_args(arguments)
    origin: list[Json] = []
    structures: dict[str, Json] = {}
    expansions: dict[str, Json] = {}
    systems: dict[str, set[str]] = {}
    below: dict[str, dict[str, list[str]]] = {}
    enumerated: dict[str, Json] = {}
    searches: dict[str, str] = {}
    for package in cast(list[Path], options.packages):
        for name, resource in _resources(package):
            if name == "package.json":
                origin.append(_origin(package, resource))
            elif resource.get("resourceType") == "StructureDefinition":
                structures[resource["url"]] = resource
            elif resource.get("resourceType") == "SearchParameter" and "base" in resource:
                searches[resource["url"].removeprefix(SEARCH)] = f"{resource['type']} {'|'.join(resource['base'])}"
            elif resource.get("resourceType") == "CodeSystem":
                if resource["content"] == "complete" and SETTLED.match(resource["url"]):
                    systems.setdefault(resource["url"].split("|")[0], set()).update(
                        _concepts(resource.get("concept", ()))
                    )
                    below.setdefault(resource["url"].split("|")[0], {}).update(_below(resource.get("concept", ())))
            elif resource.get("resourceType") == "ValueSet":
                if "expansion" in resource:
                    expansions[resource["url"]] = resource
                else:
                    enumerated[resource["url"]] = resource
    types = _types(structures)
    bound = {text.split("@")[1] for type_ in types.values() for text in type_["elements"].values() if "@" in text}
    value_sets = {url: _expanded(expansions[url]) for url in sorted(bound - OPEN)}
    value_sets |= {url: _enumerated(enumerated[url]) for url in UNITS}
    table = {"fhirVersion": "4.0.1", "origin": origin, "types": types, "valueSets": value_sets}
    table_of_codes = {
        "fhirVersion": "4.0.1",
        "origin": origin,
        "codeSystems": {url: sorted(codes) for url, codes in sorted(systems.items())},
        "below": {url: below[url] for url in sorted(below) if below[url]},
    }
    table_of_searches = {
        "fhirVersion": "4.0.1",
        "origin": origin,
        "searchParameters": dict(sorted(searches.items())),
    }
    profiles = _profiles(structures)
    bound = {url for profile in profiles.values() for url in _bound(profile)} - value_sets.keys() - OPEN
    table_of_profiles = {
        "fhirVersion": "4.0.1",
        "origin": origin,
        "profiles": profiles,
        "valueSets": {
            url: _expanded(expansions[url]) if url in expansions else _composed(enumerated[url], systems)
            for url in sorted(bound)
            if url in expansions or (url in enumerated and _is_closed(enumerated[url], systems))
        },
    }
    folder = cast(Path, options.output)
    (folder / "r4.json").write_text(_text(table), encoding="utf-8")
    (folder / "r4_codes.json").write_text(_text(table_of_codes), encoding="utf-8")
    (folder / "r4_search.json").write_text(_text(table_of_searches), encoding="utf-8")
    (folder / "r4_profiles.json").write_text(_text(table_of_profiles), encoding="utf-8")
    return 0


def _resources(package: Path) -> Iterator[tuple[str, Json]]:
    with tarfile.open(package) as archive:
        members = {
            Path(member.name).name: member
            for member in archive.getmembers()
            if member.isfile() and member.name.startswith("package/")
        }
        for name in sorted(members):
            if name == "package.json" or name.startswith(READ):
                file = archive.extractfile(members[name])
                if file is not None and name.endswith(".json"):
                    yield name, json.load(file)


def _origin(package: Path, manifest: Json) -> Json:
    return {
        "package": manifest["name"],
        "version": manifest["version"],
        "license": manifest["license"],
        "sha256": hashlib.sha256(package.read_bytes()).hexdigest(),
    }


def _types(structures: Mapping[str, Json]) -> dict[str, dict[str, Any]]:
    core = [
        definition
        for definition in structures.values()
        if definition["kind"] in ("resource", "complex-type") and definition.get("derivation") != "constraint"
    ]
    profiles = {
        profile
        for definition in core
        for element in definition["snapshot"]["element"]
        for kind in element.get("type", ())
        for profile in kind.get("profile", ())
    }
    types: dict[str, dict[str, Any]] = {}
    for definition in [*core, *(structures[url] for url in sorted(profiles))]:
        types.update(_types_of(definition))
    for type_ in types.values():
        base = type_["base"]
        while base:
            for key in types[base]["constraints"].keys() & type_["constraints"].keys():
                del type_["constraints"][key]
            base = types[base]["base"]
    return dict(sorted(types.items()))


def _types_of(definition: Json) -> dict[str, dict[str, Any]]:
    """The type itself under its name, and each element with children under its path."""
    elements: list[Json] = definition["snapshot"]["element"]
    root = elements[0]["path"]
    name = definition["id"]
    profile = definition.get("derivation") == "constraint"
    parents = {element["path"].rpartition(".")[0] for element in elements}
    found: dict[str, dict[str, Any]] = {}
    for element in elements:
        path = element["path"]
        if path == root:
            base = definition.get("baseDefinition", "").removeprefix(SPEC)
            found[name] = _entry(definition["kind"], base, element)
            if definition["abstract"]:
                found[name]["abstract"] = True
            continue
        base_path = element["base"]["path"]
        inherited = base_path.split(".")[0] != root or (profile and not _narrowed(element))
        if not inherited:
            owner = found[path.rpartition(".")[0] if not profile else name]
            owner["elements"][path.rpartition(".")[2]] = _element(element, path if path in parents else None)
            if path not in parents:
                owner["constraints"].update(_constraints(element, of=path.rpartition(".")[2]))
        if path in parents and not inherited:
            found[path] = _entry("backbone", element["type"][0]["code"], element)
    return found


def _narrowed(element: Json) -> bool:
    return bool(element["min"] != element["base"]["min"] or element["max"] != element["base"]["max"])


def _entry(kind: str, base: str, element: Json) -> dict[str, Any]:
    return {"kind": kind, "base": base, "elements": {}, "constraints": _constraints(element)}


def _constraints(element: Json, of: str = "") -> dict[str, Json]:
    """The invariants of an element; those of one without children belong to its owner and name the element."""
    found: dict[str, Json] = {}
    for constraint in element.get("constraint", ()):
        key = constraint["key"]
        if EVERYWHERE.get(key, element["path"]) == element["path"]:
            row: dict[str, Any] = {"text": constraint["human"], "expression": constraint["expression"]}
            if of:
                row["element"] = of
            if constraint["severity"] != "error":
                row["warning"] = True
            found[key] = row
    return found


def _element(element: Json, own_type: str | None) -> str:
    if "contentReference" in element:
        types = element["contentReference"].removeprefix("#")
    else:
        types = own_type or CORRECTED.get(element["path"]) or "|".join(_type(kind) for kind in element["type"])
    binding = element.get("binding", {})
    bound = binding["valueSet"].split("|")[0] if binding.get("strength") == "required" else ""
    return f"{element['min']}..{element['max']} {types}" + (f" @{bound}" if bound else "")


def _type(kind: Json) -> str:
    code: str = kind["code"]
    for extension in kind.get("extension", ()):
        if extension["url"] == TYPE_OF_STRING:
            code = extension["valueUrl"]
    for profile in kind.get("profile", ()):
        code = f"{code}:{profile.removeprefix(SPEC)}"
    targets = [target.removeprefix(SPEC) for target in kind.get("targetProfile", ())]
    if code != "Reference" or not targets or "Resource" in targets:
        return code
    return f"Reference({','.join(targets)})"


def _profiles(structures: Mapping[str, Json]) -> dict[str, Json]:
    """The profiles and extensions by URL."""
    return {
        url: {
            **{key: structures[url][key] for key in OF_PROFILES if key in structures[url]},
            "differential": {"element": [_rule(one) for one in structures[url]["differential"]["element"]]},
        }
        for url in sorted(structures)
        if structures[url].get("derivation") == "constraint" and structures[url]["kind"] != "primitive-type"
    }


def _rule(element: Json) -> Json:
    """What a differential says of an element, without what is only for people."""
    rule = {k: v for k, v in element.items() if k in OF_ELEMENTS or k.startswith(("fixed", "pattern"))}
    if "binding" in rule:
        rule["binding"] = {key: rule["binding"][key] for key in ("strength", "valueSet") if key in rule["binding"]}
    if "constraint" in rule:
        keys = ("key", "severity", "human", "expression")
        rule["constraint"] = [{key: one[key] for key in keys if key in one} for one in rule["constraint"]]
    return rule


def _bound(profile: Json) -> Iterator[str]:
    """The value sets of required and extensible bindings."""
    for element in profile["differential"]["element"]:
        binding = element.get("binding", {})
        if binding.get("strength") in ("required", "extensible") and "valueSet" in binding:
            yield binding["valueSet"].split("|")[0]


def _is_closed(value_set: Json, systems: Mapping[str, set[str]]) -> bool:
    """Whether it names each of its codes, or the whole of code systems that are known."""
    compose = value_set.get("compose", {})
    return "exclude" not in compose and all(
        "filter" not in part and "valueSet" not in part and ("concept" in part or part.get("system") in systems)
        for part in compose.get("include", [{}])
    )


def _composed(value_set: Json, systems: Mapping[str, set[str]]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for part in value_set["compose"]["include"]:
        codes = [one["code"] for one in part["concept"]] if "concept" in part else systems[part["system"]]
        found.setdefault(part["system"], set()).update(codes)
    return {system: sorted(codes) for system, codes in sorted(found.items())}


def _enumerated(value_set: Json) -> dict[str, list[str]]:
    return {
        part["system"]: sorted(concept["code"] for concept in part["concept"])
        for part in value_set["compose"]["include"]
    }


def _expanded(value_set: Json) -> dict[str, list[str]]:
    codes: dict[str, set[str]] = {}
    waiting = list(value_set["expansion"].get("contains", ()))
    while waiting:
        concept = waiting.pop()
        waiting.extend(concept.get("contains", ()))
        if not concept.get("abstract"):
            codes.setdefault(concept["system"], set()).add(concept["code"])
    return {system: sorted(codes[system]) for system in sorted(codes)}


def _concepts(concepts: Sequence[Json]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _concepts(concept.get("concept", ()))


def _below(concepts: Sequence[Json]) -> Iterator[tuple[str, list[str]]]:
    """For each code with codes below it, those that stand directly below."""
    for concept in concepts:
        if concept.get("concept"):
            yield concept["code"], [one["code"] for one in concept["concept"]]
            yield from _below(concept["concept"])


def _text(table: Json) -> str:
    """One line per type and per value set, so that a change of the definitions can be read as a difference."""
    lines = []
    for name, part in table.items():
        if isinstance(part, dict):
            inner = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in part.items())
            lines.append(f"{json.dumps(name)}: {{\n{inner}\n}}")
        else:
            lines.append(f"{json.dumps(name)}: {json.dumps(part)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

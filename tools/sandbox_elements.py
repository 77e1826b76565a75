"""Writes src/fhir_msc/sandbox/r4.json: which elements each type of FHIR R4 has, and the codes that R4 requires.

    python tools/sandbox_elements.py

It is the part of src/fhir_msc/validation/r4.json (see tools/r4_definitions.py for its origin) that a server needs to
drop unknown elements and to refuse unknown codes; the sandbox stands alone, so it has its own file. An element is
``type[*] [@value set]``, the star where it is an array.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent.parent / "src" / "fhir_msc"
DEFINITIONS = SOURCES / "validation" / "r4.json"
TABLE = SOURCES / "sandbox" / "r4.json"
_SPELLED = re.compile(r"\d+\.\.(?P<max>\d+|\*) (?P<types>.+?)(?: @(?P<codes>\S+))?")


def table(definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The sandbox's table from the validator's."""
    types: dict[str, Any] = {}
    used: set[str] = set()
    for name, type_ in definitions["types"].items():
        elements: dict[str, str] = {}
        for element, spelled in type_["elements"].items():
            found = _SPELLED.fullmatch(spelled)
            if found is None:
                raise ValueError(f"{name}.{element}: {spelled!r} is not min..max types [@value set]")
            for profiled in re.sub(r"\([^)]*\)", "", found["types"]).split("|"):
                kind = profiled.partition(":")[0]
                codes = found["codes"] if kind == "code" and found["codes"] in definitions["valueSets"] else None
                used |= {codes} if codes else set()
                json_name = element.replace("[x]", kind[0].upper() + kind[1:])
                elements[json_name] = kind + ("" if found["max"] == "1" else "*") + (f" @{codes}" if codes else "")
        types[name] = {"kind": type_["kind"], "base": type_["base"], "elements": elements}
    return {
        "fhirVersion": definitions["fhirVersion"],
        "origin": definitions["origin"],
        "types": types,
        "codes": {
            name: sorted({code for codes in systems.values() for code in codes})
            for name, systems in definitions["valueSets"].items()
            if name in used
        },
    }


def text(found: Mapping[str, Any]) -> str:
    """The table as it stands in the file: one line per type and per value set."""

    def lines(entries: Mapping[str, Any]) -> str:
        return ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in entries.items())

    head = {name: value for name, value in found.items() if name not in ("types", "codes")}
    parts = [lines(head), f'"types": {{\n{lines(found["types"])}\n}}', f'"codes": {{\n{lines(found["codes"])}\n}}']
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    TABLE.write_text(text(table(json.loads(DEFINITIONS.read_text()))))

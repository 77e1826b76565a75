"""The pack format as JSON Schema (draft 2020-12), from which editors complete and check the YAML as it is written.

``mappings/pack.schema.json`` is for ``pack.yaml``, ``mappings/table.schema.json`` for each document of the other files.
Written anew with ``python -m fhir_msc.mapping.schema FOLDER``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel

from fhir_msc.mapping.format import PackWords, TableWords

MODELS: Mapping[str, type[BaseModel]] = {"pack.schema.json": PackWords, "table.schema.json": TableWords}
"""The models by the file of their schema."""

_SCALAR = ["string", "number", "boolean", "null"]


def schema_text(file: str) -> bytes:
    """The text of a schema's file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_as_text(MODELS[file].model_json_schema())}
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _as_text(schema: Any) -> Any:
    """The schema as an editor needs it, which reads ``0`` as a number and ``true`` as a boolean: a pack has text."""
    if isinstance(schema, list):
        return [_as_text(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "string" and "enum" not in schema and "const" not in schema:
        schema = {**schema, "type": _SCALAR}
    elif schema.get("type") == "boolean":
        schema = {
            **{word: value for word, value in schema.items() if word != "type"},
            "enum": [True, False, "true", "false"],
        }
    return {word: _as_text(value) if word != "default" else value for word, value in schema.items()}


if __name__ == "__main__":
    for name in MODELS:
        (Path(sys.argv[1]) / name).write_bytes(schema_text(name))

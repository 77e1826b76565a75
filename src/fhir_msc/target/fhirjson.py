"""FHIR JSON as it is read: numbers as written, and typed access to what may be missing.

R4 wants the precision of a decimal kept (https://hl7.org/fhir/R4/json.html#decimal), so a number with a point or an
exponent becomes a ``Decimal``. The accessors tolerate what a server leaves out or gets wrong: they answer with nothing
instead of an error.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import NoReturn, TypeAlias

Json: TypeAlias = "bool | int | Decimal | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"


def parse(body: bytes) -> JsonObject:
    """A JSON object with its decimals kept. Raises ValueError when ``body`` is anything else."""
    try:
        document = json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError):
        document = None
    if not isinstance(document, dict):
        # outside the handler: json's own error would carry the whole document along
        raise ValueError("not a JSON object")
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def text(value: Json) -> str | None:
    """The string, if it is one and not empty."""
    return value if isinstance(value, str) and value else None


def texts(value: Json) -> list[str]:
    """The strings of a list."""
    return [item for item in value if isinstance(item, str) and item] if isinstance(value, list) else []


def child(value: Json) -> JsonObject:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Json) -> list[JsonObject]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def version_of(etag: str | None) -> str | None:
    """The version id of an ETag: ``W/"3"``, ``"3"`` and ``3`` are the same (R4 wants the first; HAPI mixes them)."""
    if etag is None:
        return None
    return etag.strip().removeprefix("W/").strip('"') or None


def etag_of(version: str) -> str:
    """The weak ETag of a version id, for If-Match (https://hl7.org/fhir/R4/http.html#versioning)."""
    return f'W/"{version}"'

"""Bodies as they go over the wire: read, cleaned and written, numbers as they were spelled."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

import orjson

from fhir_msc.sandbox import primitives, r4
from fhir_msc.sandbox.outcome import Refused

Resource = dict[str, Any]
Resolve = Callable[[str, str], str]
"""Makes of a reference's text, found at a path, the text to store."""

_LITERAL = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


class Reference(NamedTuple):
    """A reference to a resource of this server: where it stands (``Observation.subject``) and what it means."""

    path: str
    type: str
    id: str


def read(body: bytes) -> Resource:
    """The resource in a request's body; ``Refused`` if there is none. A number with a fraction is kept as text."""
    try:
        if b"\\u" in body:
            orjson.loads(body)  # half a surrogate pair is no text, which json lets through
        found = json.loads(body, parse_float=orjson.Fragment, parse_int=_integer, parse_constant=_no_number)
    except ValueError as error:
        raise Refused(400, "structure", f"The body is not JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
        raise Refused(400, "structure", "The body is no JSON object with a resourceType")
    return found


def write(found: Mapping[str, Any]) -> bytes:
    """JSON."""
    return orjson.dumps(found)


def clean(resource: Resource, resolve: Resolve) -> tuple[Resource, list[Reference]]:
    """The resource without the elements that R4 does not know, its references resolved; and the references.

    Raises ``Refused`` at the first code, date or other primitive that R4 does not allow there.
    """
    references: list[Reference] = []
    type_name = resource["resourceType"]
    return _object(resource, type_name, type_name, resolve, references), references


def _object(node: Any, type_name: str, path: str, resolve: Resolve, references: list[Reference]) -> Resource:
    if not isinstance(node, dict):
        raise Refused(400, "structure", f"{path} must be a JSON object", expression=path)
    if type_name == "Resource":
        type_name = path = _contained_type(node, path)
    known = r4.elements(type_name)
    kept: Resource = {}
    for name, value in node.items():
        element = known.get(name)
        if element is not None:
            kept[name] = _element(value, element, f"{path}.{name}", resolve, references)
        elif name == "resourceType" and type_name in r4.resource_types():
            kept[name] = value
        elif name[:1] == "_" and (primitive := known.get(name[1:])):
            extended = r4.Element("Element", None, True, primitive.is_array)
            kept[name] = _element(value, extended, f"{path}.{name}", resolve, references)
    if type_name == "Reference" and "reference" in kept:
        kept["reference"] = _reference(kept["reference"], path, resolve, references)
    return kept


def _element(value: Any, element: r4.Element, path: str, resolve: Resolve, references: list[Reference]) -> Any:
    if isinstance(value, list) is not element.is_array:
        shape = "an array" if element.is_array else "one value"
        raise Refused(400, "structure", f"{path} must be {shape}", expression=path)
    if element.is_object:
        if element.is_array:
            return [
                None
                if one is None and element.type == "Element"
                else _object(one, element.type, path, resolve, references)
                for one in value
            ]
        return _object(value, element.type, path, resolve, references)
    for one in value if element.is_array else (value,):
        if one is not None or not element.is_array:
            _check(one, element, path)
    return value


def _check(value: object, element: r4.Element, path: str) -> None:
    if not primitives.is_valid(element.type, value):
        raise Refused(400, "value", f"{path} is no {element.type}", expression=path)
    if element.codes is not None and value not in element.codes:
        raise Refused(400, "code-invalid", f"{path} is none of its required codes", expression=path)


def _reference(text: str, path: str, resolve: Resolve, references: list[Reference]) -> str:
    if text.startswith("#"):
        return text
    resolved = resolve(text, path)
    literal = _LITERAL.fullmatch(resolved)
    if literal is None or literal[1] not in r4.resource_types():
        raise Refused(400, "invalid", f"{path} refers to no resource of this server", expression=path)
    references.append(Reference(path, literal[1], literal[2]))
    return resolved


def _contained_type(node: Resource, path: str) -> str:
    found = node.get("resourceType")
    if isinstance(found, str) and found in r4.resource_types():
        return found
    raise Refused(400, "structure", f"{path} holds no resource", expression=path)


def _integer(text: str) -> int | orjson.Fragment:
    return int(text) if len(text) < 19 else orjson.Fragment(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number in JSON")

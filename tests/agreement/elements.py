"""Where an error stands: the engine's places and ours in one form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tests.support.engine import EngineMessage

_COMMENT = re.compile(r"/\*.*?\*/")
_OF_TYPE = re.compile(r"\.(\w+)\.ofType\((\w)(\w*)\)")
_PROPERTY = re.compile(r"Unrecognized property '([^']+)'|Undefined (?:element|attribute) '([^']+)'").match
_IN_BUNDLE = re.compile(r"Can't find '[^']*' in the bundle \((Bundle\.[^()]*)\)").match
_CODE = re.compile(r"Unknown code '[^#]*#([^']*)'").match
_SLICE = re.compile(
    r"(?:Slice ')?[\w.]*\.(\w+)(?:\[x\])?:[\w/-]+'?: (?:a matching slice|max allowed|minimum required)"
).match
_CHILDREN = (
    ("meta.profile[0]", re.compile("Specified profile type was")),
    (
        "reference",
        re.compile("The reference '|Unable to resolve resource|Invalid Resource target|Constraint failed: ref-1"),
    ),
    ("code", re.compile(r"Unknown code '|Error processing unit ?'")),
    ("id", re.compile("Duplicate id value")),
    ("system", re.compile(r"(Coding|Identifier)\.system must|Invalid System URI")),
    ("value", re.compile(r"if identifier\.system is 'urn:ietf:rfc:3986', then the identifier\.value")),
    ("fullUrl", re.compile(r"The fullUrl '")),
    ("url", re.compile(r"Extension\.url must")),
    ("hash", re.compile(r"The hash of the data did not match")),
    ("size", re.compile(r"Stated Attachment Size")),
)
"""The engine places some messages at an object and says in them of which child it speaks."""


def engine_element(error: EngineMessage, document: object) -> str:
    """The engine's place in the form of ours, as far as something stands there in the document.

    ``value.ofType(Quantity)`` as ``valueQuantity``, an unknown element by its name, and the child that the message
    speaks of: of a concept with a code that is none, that coding.
    """
    place = _COMMENT.sub("", error.location)
    referring = _IN_BUNDLE(error.message)
    if referring:
        return present(f"{referring[1]}.reference", document)
    place = _OF_TYPE.sub(lambda m: f".{m[1]}{m[2].upper()}{m[3]}", place)
    unknown = _PROPERTY(error.message)
    sliced = _SLICE(error.message)
    child = sliced[1] if sliced else unknown and (unknown[1] or unknown[2])
    child = child or next((name for name, speaks in _CHILDREN if speaks.match(error.message)), None)
    code = _CODE(error.message)
    node = _at(present(place, document), document) if code else None
    for index, coding in enumerate(node.get("coding", ()) if isinstance(node, Mapping) else ()):
        if code and isinstance(coding, Mapping) and str(coding.get("code")) == code[1]:
            place = f"{place}.coding[{index}]"
            break
    return present(f"{place}.{child}" if child else place, document)


def present(path: str, document: object) -> str:
    """``path`` as far as something stands there in the document: a missing element is said of the element around it."""
    steps = _steps(path)
    if not steps:
        return ""
    kept, node = steps[:1], document
    for step in steps[1:]:
        if step.startswith("["):
            index = int(step[1:-1])
            if isinstance(node, Sequence) and not isinstance(node, str) and index < len(node):
                node = node[index]
            elif index or isinstance(node, Sequence):
                break
            else:
                continue  # the engine counts what is no array, too
        elif isinstance(node, Mapping):
            name = _name(step, node)
            if name is None:
                break
            step, node = name, node.get(name, node.get(f"_{name}"))
        else:
            break
        kept.append(step)
    return ".".join(kept).replace(".[", "[")


def _name(step: str, node: Mapping[str, object]) -> str | None:
    """The name in the document of an element; of a choice ``value[x]`` the one that is there."""
    if step.endswith("[x]"):
        return next((name for name in node if name.startswith(step.removesuffix("[x]"))), None)
    return step if step in node or f"_{step}" in node else None


def _at(path: str, document: object) -> object:
    node = document
    for step in _steps(path)[1:]:
        if isinstance(node, Mapping):
            node = node.get(step)
        elif isinstance(node, Sequence) and step.startswith("["):
            node = node[int(step[1:-1])]
    return node


def _steps(path: str) -> list[str]:
    return re.findall(r"[^.\[\]]+(?:\[x\])?|\[[0-9]+\]", path)

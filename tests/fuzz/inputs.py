"""Broken documents, made from whole ones: bytes, JSON text and trees. A number fixes the input."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from fhir_msc.validation.definitions import resource_types
from tests.unit.validation.mutants import mutant, places

Json = dict[str, Any]

TYPES = sorted(resource_types())
STRANGE: list[Any] = [
    *(None, True, 0, -1, 10**30, -(10**400), 1.5e308, -0.0, 1e-320),
    *("", " ", "\ud800", "\udfff\ud800", "\x00", "￿", "‮", "é" * 300, "a" * 20_000, "%s{}[]()'\"\\"),
    *("2020-02-30", "2020-02-29T24:00:00Z", "9999999999", "http://", "urn:uuid:", "urn:oid:1.", "#", "#a", "Patient/"),
    *("<div xmlns='http://www.w3.org/1999/xhtml'>", "<div>" * 500, "<!DOCTYPE a [<!ENTITY b 'c'>]><div>&b;</div>"),
    *([], {}, [[]], [None], [{}], {"": ""}, {"resourceType": "Patient"}, {"resourceType": 1}, {"a\ud800": 1}),
]
NUMBERS = [
    "1e999",
    "-1e-999",
    "0." + "0" * 500 + "1",
    "1" * 5_000,
    "-0",
    "1E+2",
    "0e0",
    "01",
    "1.",
    ".5",
    "+1",
    "NaN",
    "-Infinity",
]
BYTES = [
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\xc0\x80",
    b"\\ud800",
    b"\\",
    b'"',
    b"}",
    b"[",
    b",",
    b"\xf4\x90\x80\x80",
]


def fuzzed(seeds: Sequence[bytes], number: int) -> bytes:
    """The input of that number."""
    random = Random(number)
    return random.choice(_MAKERS)(random, random.choice(seeds))


def _noise(random: Random, seed: bytes) -> bytes:
    return random.randbytes(random.choice([0, 1, 2, 7, 40, 400]))


def _damaged(random: Random, seed: bytes) -> bytes:
    text = bytearray(seed)
    for _ in range(random.choice([1, 1, 2, 5, 40])):
        at = random.randrange(len(text) + 1)
        match random.randrange(5):
            case 0:
                text[at : at + 1] = random.randbytes(1)
            case 1:
                text[at:at] = random.choice(BYTES)
            case 2:
                del text[at : at + random.choice([1, 2, 30])]
            case 3:
                text[at:at] = text[at : at + random.choice([1, 20, 200])]
            case _:
                del text[at:]
    return bytes(text)


def _nested(random: Random, seed: bytes) -> bytes:
    depth = random.choice([10, 63, 64, 65, 255, 256, 257, 1_000, 20_000])
    pairs = [("[", "]"), ('{"extension":[', "]}"), ('{"contained":{', "}}"), ('{"a":', "}")]
    opening, closing = random.choice(pairs)
    inner = opening * depth + random.choice(["1", '""', ""]) + closing * random.choice([depth, depth, depth - 1, 0])
    name = random.choice(["extension", "contained", "text", "id", "entry"])
    return f'{{"resourceType":"{random.choice(TYPES)}","{name}":{inner}}}'.encode()


def _numbers(random: Random, seed: bytes) -> bytes:
    document = json.loads(seed)
    where = list(places(document))
    path, _ = random.choice(where)
    _put(document, path, "@@")
    return json.dumps(document).replace('"@@"', random.choice(NUMBERS)).encode("utf-8", "surrogatepass")


def _strange(random: Random, seed: bytes) -> bytes:
    document: Json = json.loads(seed)
    for _ in range(random.choice([1, 1, 2, 4])):
        where = list(places(document))
        if not where:
            break
        path, _ = random.choice(where)
        _put(document, path, copy.deepcopy(random.choice(STRANGE)))
    # As escapes, or as the bytes that no UTF-8 has.
    return json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def _mutated(random: Random, seed: bytes) -> bytes:
    document: Json = json.loads(seed)
    for _ in range(random.choice([1, 2, 6])):
        if isinstance(document, dict) and len(document) > 1:
            document = mutant(document, random)[2]
    return json.dumps(document).encode()


def _moved(random: Random, seed: bytes) -> bytes:
    """The resource as one of another type, or inside another."""
    document: Json = json.loads(seed)
    match random.randrange(4):
        case 0:
            document["resourceType"] = random.choice(TYPES)
        case 1:
            document = {"resourceType": random.choice(TYPES), "contained": [document, document]}
        case 2:
            kind = random.choice(["collection", "batch", "transaction", "document", "searchset", "message", "?"])
            entries = [{"resource": document}, {"fullUrl": "x"}, document]
            document = {"resourceType": "Bundle", "type": kind, "entry": entries}
        case _:
            parameter = {"name": "a", "resource": document, "part": [document]}
            document = {"resourceType": "Parameters", "parameter": [parameter]}
    return json.dumps(document).encode()


def _put(document: Json, path: tuple[Any, ...], value: Any) -> None:
    holder: Any = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value


_MAKERS: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(_noise, _nested, _numbers),
    *(_damaged,) * 3,
    *(_strange,) * 3,
    *(_mutated,) * 3,
    *(_moved,) * 2,
)

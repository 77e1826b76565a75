"""JSON text to a document: strict UTF-8, no duplicate keys, decimals as they are written, and no deeper or larger than
can be read on any stack.

Two readers. :func:`quickly` is orjson's; it answers only for text that is, white space and zeros at the end of decimals
apart, what orjson writes of the document it read. Then no key stands twice in an object, for it would be written once,
and every number is the shortest form of its float: two of them compare as the numbers that were written do.
:func:`parse` is for all other text, and for decimals that are to be told as they were written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import accumulate
from typing import NoReturn

import orjson

from fhir_msc.findings import Place
from fhir_msc.nesting import MAX_LEVELS
from fhir_msc.validation.problems import DEPTH, JSON, SIZE, Problem

MAX_SIZE = 64 * 1024 * 1024
"""The longest text that is read: bytes, or characters of a str."""

_SPACE = b" \t\r\n"

# Beyond 2^53 a float's shortest form is another number than the float, and may fall on the other side of an integer.
_beyond_integers = re.compile(rb"e\+1[6-9][,}\]]").search
_cut_zeros = partial(re.compile(rb"\.([0-9]*?)0+(?=[,}\]])").sub, rb".\1")
_zero_at_end = re.compile(rb"\.[0-9]*0[\s,}\]]").search
_string = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


TOO_DEEP = Problem(DEPTH, f"nested deeper than {MAX_LEVELS} objects and arrays: not read")


class NotAResource(ValueError):
    """The text is no JSON object; ``problem`` says why, ``place`` where, if it is one place."""

    def __init__(self, problem: Problem, place: Place | None = None) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.place = place


def quickly(text: bytes | str) -> dict[str, object] | None:
    """The document, with numbers as int and float, if it is surely the same for every check as :func:`parse` gives."""
    if len(text) > MAX_SIZE:
        return None
    try:
        plain = text.encode() if isinstance(text, str) else text
        document: object = orjson.loads(plain)
        written = orjson.dumps(document)
    except (ValueError, TypeError):  # its errors, of which one is that it writes no more than 254 levels
        return None
    if written != plain and not (_is_indented(plain, document) or _is_the_same(plain, written)):
        return None
    if b"e+1" in written and _beyond_integers(written):
        return None
    return document if isinstance(document, dict) else None


def _is_indented(plain: bytes, document: object) -> bool:
    """Whether the text is what orjson writes of its document by two spaces a level, as most who indent do."""
    return plain.startswith(b"{\n  ") and orjson.dumps(document, option=orjson.OPT_INDENT_2) == plain.rstrip()


def _is_the_same(plain: bytes, written: bytes) -> bool:
    """Whether texts differ in white space and in zeros at the end of decimals alone."""
    plain, written = plain.translate(None, _SPACE), written.translate(None, _SPACE)
    return plain == written or _cut_zeros(plain) == _cut_zeros(written)


def is_cut(text: bytes | str, document: Mapping[str, object]) -> bool:
    """Whether a document that :func:`quickly` gave has a decimal without zeros that stand at its end in the text."""
    plain = text.encode() if isinstance(text, str) else text
    if not _zero_at_end(plain):
        return False
    return orjson.dumps(document).translate(None, _SPACE) != plain.translate(None, _SPACE)


def parse(text: bytes | str) -> tuple[dict[str, object], bool]:
    """The object that ``text`` holds, and whether a key stands twice somewhere (the last value counts).

    Numbers are int, or Decimal with the digits as written. Raises NotAResource.
    """
    refuse_large(len(text))
    twice = False

    def pairs(items: Sequence[tuple[str, object]]) -> dict[str, object]:
        nonlocal twice
        found = dict(items)
        twice = twice or len(found) != len(items)
        return found

    try:
        plain = text if isinstance(text, str) else text.decode("utf-8")
        if _is_deep(plain.encode("utf-8", "surrogatepass")):
            raise NotAResource(TOO_DEEP)
        document = json.loads(plain, object_pairs_hook=pairs, parse_float=Decimal, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise NotAResource(Problem(JSON, "not UTF-8"), _place_of_byte(error)) from error
    except json.JSONDecodeError as error:
        raise NotAResource(Problem(JSON, f"not JSON: {error.msg}"), Place(error.lineno, error.colno)) from error
    except NotAResource:
        raise
    except (ValueError, InvalidOperation) as error:
        raise NotAResource(Problem(JSON, "a number that cannot be read")) from error
    if not isinstance(document, dict):
        raise NotAResource(Problem(JSON, "a resource is a JSON object"))
    return document, twice


def refuse_large(size: int) -> None:
    """Raises NotAResource for a text of more than MAX_SIZE."""
    if size > MAX_SIZE:
        raise NotAResource(Problem(SIZE, f"longer than {MAX_SIZE // 1024 // 1024} MiB: not read"))


def _is_deep(text: bytes) -> bool:
    """Whether brackets stand deeper in each other than MAX_LEVELS, whatever else the text holds."""
    if text.count(b"{") + text.count(b"[") <= MAX_LEVELS:
        return False
    brackets = _string.sub(b"", text).translate(None, _NO_BRACKET)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_LEVELS


def _place_of_byte(error: UnicodeDecodeError) -> Place:
    before = error.object[: error.start]
    line = before[before.rfind(b"\n") + 1 :]
    return Place(before.count(b"\n") + 1, len(line.decode("utf-8")) + 1)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)

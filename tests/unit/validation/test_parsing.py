"""JSON text at the door: what is refused, that the quick reader answers as the exact one, and where things stand."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc import findings
from fhir_msc.validation import parsing, validate
from fhir_msc.validation.parsing import MAX_LEVELS, NotAResource, is_cut, parse, quickly
from fhir_msc.validation.positions import members, places
from fhir_msc.validation.structure import MAX_DEPTH, resource_problems


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"resourceType": "Patient",}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1e9999999999999999999}',
        '{"a": "\x01"}',
    ],
)
def test_what_is_no_json_object_is_one_finding(text: bytes | str) -> None:
    assert [finding.rule for finding in validate(text)] == ["MSC-FHIR-JSON"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{\n "resourceType": "Patient",\n "active": tru }', (3, 12)),
        (b'{\n "resourceType": "P\xc3\xa4ti\xff"}', (2, 23)),
        (b"", (1, 1)),
    ],
)
def test_the_place_of_a_syntax_error_is_named(text: bytes | str, place: tuple[int, int]) -> None:
    assert [finding.place for finding in validate(text)] == [findings.Place(*place)]


def test_duplicate_keys_are_found_at_any_depth_each_with_its_place() -> None:
    found = validate('{"resourceType":"Patient","name":[{"family":"A","family":"B"}],\n"active":true,"active":true}')
    assert [(one.rule, one.hint, one.path, str(one.place)) for one in found] == [
        ("MSC-FHIR-JSON-DUPLICATE", "the key is family", "Patient.name[0].family", "line 1, column 49"),
        ("MSC-FHIR-JSON-DUPLICATE", "the key is active", "Patient.active", "line 2, column 15"),
    ]


def test_decimals_stay_as_written() -> None:
    document, _ = parse('{"a": 1.50, "b": 2, "c": 1e400, "d": -0.0, "e": 18446744073709551617}')
    assert [str(number) for number in document.values()] == ["1.50", "2", "1E+400", "-0.0", "18446744073709551617"]


# -- the quick reader ------------------------------------------------------------------------------------------------

NUMBERS = ["0", "-0", "-0.0", "1.50", "1.5", "0.1", "1e400", "1E5", "1e16", "1e-7", "123456789012345678901234567890"]
NUMBERS += [
    "9007199254740993",
    "9007199254740993.0",
    "1.2345678901234567e18",
    "18446744073709551615",
    "0.30000000000001",
]
TEXTS = ['"a"', '"é"', r'"\u00e9"', r'"\ud800"', '"a : b"', r'"\":"', r'"\u0022:"', '"1e17,"', '"x\\\\"', '" "']
KEYS = ['"a"', '"b"', '"resourceType"', r'"\u0061"', r'"c\""', '"value"', '"é"']


def written(random: Random, depth: int = 0) -> str:
    """A value as somebody may write it: any number, keys twice, escapes, white space."""
    space = random.choice(["", "", " ", "\n  "])
    kind = random.random()
    if depth > 3 or kind < 0.5:
        return space + random.choice([*NUMBERS, *TEXTS, "true", "null"]) + space
    if kind < 0.65:
        return f"[{','.join(written(random, depth + 1) for _ in range(random.randrange(3)))}]{space}"
    pairs = (f"{random.choice(KEYS)}{space}:{written(random, depth + 1)}" for _ in range(random.randrange(4)))
    return f"{{{space}{','.join(pairs)}}}"


def exactly(text: bytes) -> dict[str, Any] | None:
    """The document by the standard library, whose numbers are their text; ``None`` where a key stands twice."""

    class Twice(Exception):
        pass

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in items}) != len(items):
            raise Twice
        return dict(items)

    def number(text: str) -> tuple[str, str]:
        return "number", text

    try:
        found = json.loads(text, object_pairs_hook=pairs, parse_float=number, parse_int=number)
    except Twice:
        return None
    return found if isinstance(found, dict) else None


def floats_and_decimals(quick: Any, exact: Any) -> Iterator[tuple[float | int, str]]:
    """The numbers of both documents, which must be alike in all else."""
    if isinstance(exact, tuple):
        yield quick, exact[1]
    elif isinstance(exact, dict):
        assert list(quick) == list(exact)
        for key in exact:
            yield from floats_and_decimals(quick[key], exact[key])
    elif isinstance(exact, list):
        assert len(quick) == len(exact)
        for one, other in zip(quick, exact, strict=True):
            yield from floats_and_decimals(one, other)
    else:
        assert (type(quick), quick) == (type(exact), exact)


@pytest.mark.parametrize("seed", range(20))
def test_the_quick_reader_answers_as_the_exact_one_or_not_at_all(seed: int) -> None:
    random, answered = Random(seed), 0
    for _ in range(200):
        text = f"{{{random.choice(KEYS)}:{written(random)},{random.choice(KEYS)}:{written(random)}}}".encode()
        quick = quickly(text)
        if quick is None:
            continue
        answered += 1
        exact = exactly(text)
        assert exact is not None, text
        numbers = list(floats_and_decimals(quick, exact))
        for one, other in ((a, b) for a in numbers for b in numbers):
            assert (one[0] < other[0]) == (Decimal(one[1]) < Decimal(other[1])), text
            assert (one[0] == other[0]) == (Decimal(one[1]) == Decimal(other[1])), text
        assert parse(text)[1] is False
    assert answered > 20


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**64 - 1), st.integers(-3, 3))
def test_numbers_of_the_quick_reader_compare_as_they_are_written(number: float, whole: int, near: int) -> None:
    for other in (whole, int(number) + near if abs(number) < 2**64 else 0):
        text = orjson.dumps({"a": number})[:-1] + f',"b":{other}}}'.encode()
        quick = quickly(text)
        if quick is not None:
            exact, _ = parse(text)
            assert (quick["a"] < quick["b"]) == (exact["a"] < exact["b"])  # type: ignore[operator]
            assert (quick["a"] == quick["b"]) == (exact["a"] == exact["b"])


def test_what_the_quick_reader_is_there_for() -> None:
    body = {
        "resourceType": "Observation",
        "valueQuantity": {"value": 39.2, "unit": "g/L é"},
        "note": [{"text": 'a" :'}],
    }
    for text in (orjson.dumps(body), json.dumps(body, indent=2, ensure_ascii=False), orjson.dumps(body) + b"\n"):
        assert quickly(text) == body


@pytest.mark.parametrize(
    ("text", "is_read", "cut"),
    [
        ('{"a":4.7,"b":"1.50,"}', True, False),
        ('{"a":4.70, "b": [1.000]}', True, True),
        ('{"a":0.10}', True, True),
        ('{"a":4.70,"a":4.70}', False, False),
        ('{"a":4.70000000000000000001}', False, False),
        ('{"a":400,"b":1.00e3}', False, False),
    ],
)
def test_zeros_at_the_end_of_decimals_are_read_quickly_and_told_as_cut(text: str, is_read: bool, cut: bool) -> None:
    document = quickly(text)
    assert (document is not None) is is_read
    if document is not None:
        assert is_cut(text, document) is cut
        assert document == json.loads(text)


def test_a_wrong_decimal_is_told_as_it_is_written() -> None:
    found = validate('{"resourceType":"Patient","multipleBirthInteger":1.50}')
    assert [one.value for one in found] == ["1.50"]


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60), st.text('{}[]",:\\ 01.e-au', max_size=60)))
def test_whatever_is_refused_is_refused_by_both(text: bytes | str) -> None:
    try:
        parse(text)
    except NotAResource:
        assert quickly(text) is None


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"extension":['])
@pytest.mark.parametrize("levels", [MAX_LEVELS // 2 - 2, MAX_LEVELS, 100_000])
def test_levels(opening: bytes, levels: int) -> None:
    closing = opening.translate(bytes.maketrans(b"[{", b"]}"), b'":aextnsio')[::-1]
    for tail in (closing * levels + b"}", b"}", b'"', b"\\"):
        text = b'{"resourceType":"Patient","a":' + opening * levels + b"1" + tail
        found = [finding.rule for finding in validate(text)]
        assert (found == ["MSC-FHIR-STRUCTURE-DEPTH"]) == (levels >= MAX_LEVELS), found
        assert found


def test_brackets_in_text_are_no_levels() -> None:
    text = json.dumps({"resourceType": "Basic", "code": {"text": '[{"\\' * 5000}})
    assert validate(text) == []
    assert validate(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{}] * 1000}))


@pytest.mark.parametrize("blank", [b" ", " "])
def test_a_text_that_is_too_long(monkeypatch: pytest.MonkeyPatch, blank: bytes | str) -> None:
    monkeypatch.setattr(parsing, "MAX_SIZE", 1024)
    assert [finding.rule for finding in validate(blank * 1025)] == ["MSC-FHIR-JSON-SIZE"]
    assert [finding.rule for finding in validate(blank * 1024)] == ["MSC-FHIR-JSON"]
    long = orjson.dumps({"resourceType": "Basic", "code": {"text": "x" * 2000}})
    assert [finding.rule for finding in validate(long)] == ["MSC-FHIR-JSON-SIZE"]


@pytest.mark.parametrize("stack", [1_000, 20_000])
@pytest.mark.parametrize("levels", [MAX_DEPTH - 1, MAX_DEPTH, 2_000])
def test_nesting_deeper_than_the_limit_is_a_finding(levels: int, stack: int) -> None:
    """However large the stack is: other code in the same process may have raised Python's own limit."""
    extension: dict[str, object] = {"url": "http://x.org", "valueBoolean": True}
    item: dict[str, object] = {"linkId": "last", "type": "display"}
    for _ in range(levels):
        extension = {"url": "http://x.org", "extension": [extension]}
    for number in range(levels + 1):  # the first item stands in no other
        item = {"linkId": str(number), "type": "group", "item": [item]}
    patient = {"resourceType": "Patient", "extension": [extension]}
    form = {"resourceType": "Questionnaire", "status": "draft", "item": [item]}
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(stack)
    try:
        found = [[finding.rule for finding in validate(document)] for document in (patient, form)]
    finally:
        sys.setrecursionlimit(before)
    assert found == ([[], []] if levels < MAX_DEPTH else [["MSC-FHIR-STRUCTURE-DEPTH"]] * 2)


# -- places ----------------------------------------------------------------------------------------------------------

NAMES = st.one_of(st.sampled_from(["a", "b.c", "[0]", 'q"', "é", ""]), st.text(max_size=3))
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_every_member_stands_where_it_is_said(document: dict[str, Any], indent: int | None, ascii: bool) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii)
    found, items = {}, {}
    for path, key, offset, again in members(text, "R", lambda _: True):
        assert not again
        items[path] = key is None
        start = text[offset:]
        found[path] = json.JSONDecoder().raw_decode(start)[0]
        assert key is None or found[path] == key
    paths = dict(_paths(document, "R"))
    if len(paths) == sum(1 for _ in _paths(document, "R")):  # keys with dots can make two paths alike
        assert set(found) == set(paths)
        assert all(found[path] == value for path, value in paths.items() if items[path])


def _paths(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        below = f"{path}.{key}" if isinstance(node, dict) else f"{path}[{key}]"
        yield below, value
        yield from _paths(value, below)


def test_what_is_not_there_is_placed_at_what_is_around() -> None:
    text = '{"resourceType": "Patient",\n "name": [{},\n  {"given": ["A"]}]}'
    found = places(text, ["Patient", "Patient.gender", "Patient.name[1].family", "Patient.name[1].given[0]"], "Patient")
    assert {path: (place.line, place.column) for path, place in found.items()} == {
        "Patient": (1, 1),
        "Patient.gender": (1, 1),
        "Patient.name[1].family": (3, 3),
        "Patient.name[1].given[0]": (3, 14),
    }


@pytest.mark.parametrize("name", ["Patient", "Pa.tient", "", None, 5])
def test_every_finding_of_a_text_has_a_place(name: object) -> None:
    text = json.dumps({"resourceType": name, "gender": "x", "nickname": {"a": 1}}, indent=1)
    found = validate(text)
    assert found
    for one in found:
        assert one.place is not None
        lines = text.splitlines()
        assert 1 <= one.place.line <= len(lines)
        if one.path is not None and one.path.endswith(("gender", "nickname", "resourceType")):
            assert lines[one.place.line - 1][one.place.column - 1 :].startswith(f'"{one.path.rpartition(".")[2]}"')


def test_the_text_is_read_exactly_where_something_is_wrong() -> None:
    text = b'{"resourceType":"Patient","multipleBirthInteger":1e16}'
    assert quickly(text) is None or resource_problems(quickly(text) or {})
    assert [one.value for one in validate(text)] == ["1E+16"]

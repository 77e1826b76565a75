"""JSON text at the door."""

from __future__ import annotations

import sys
from decimal import Decimal

import pytest

from fhir_msc.validation import validate
from fhir_msc.validation.parsing import parse
from fhir_msc.validation.structure import MAX_DEPTH


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
        b"[" * 100_000,
        '{"a": "\x01"}',
    ],
)
def test_what_is_no_json_object_is_one_finding(text: bytes | str) -> None:
    assert [finding.rule for finding in validate(text)] == ["MSC-FHIR-JSON"]


def test_the_place_of_a_syntax_error_is_named() -> None:
    (finding,) = validate('{\n "resourceType": "Patient",\n "active": tru }')
    assert "line 3, column 12" in finding.message


def test_duplicate_keys_are_found_at_any_depth() -> None:
    findings = validate('{"resourceType":"Patient","name":[{"family":"A","family":"B"}],"active":true,"active":true}')
    assert [(finding.rule, finding.hint) for finding in findings] == [
        ("MSC-FHIR-JSON-DUPLICATE", "the key is family"),
        ("MSC-FHIR-JSON-DUPLICATE", "the key is active"),
    ]


def test_decimals_stay_as_written() -> None:
    document, _ = parse('{"a": 1.50, "b": 2}')
    assert (str(document["a"]), document["a"], document["b"]) == ("1.50", Decimal("1.5"), 2)


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

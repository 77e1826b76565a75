"""Each primitive type: what it takes, what it refuses, and that the quick check and the whole one agree."""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.validation import primitives as p
from fhir_msc.validation import validate

RIGHT_AND_WRONG: dict[Callable[[str], bool], tuple[list[str], list[str]]] = {
    p.is_decimal: (
        ["0", "-0", "1.50", "-0.94", "6.02e23", "1E-5", "100"],
        [".94", "+1", "01", "1.", "", "NaN", "1,5", "٣", "1\n"],
    ),
    p.is_date: (
        ["2021", "2021-02", "2020-02-29", "0001", "9999-12-31"],
        [
            "0000",
            "21",
            "2021-2",
            "2021-00",
            "2021-13",
            "2021-02-29",
            "2021-13-45",
            "1900-02-29",
            "2021-01-01T00:00:00Z",
            "2021-01-01\n",
        ],
    ),
    p.is_date_time: (
        [
            "2021",
            "2021-02",
            "2021-02-28",
            "2021-02-28T23:59:60Z",
            "2021-02-28T00:00:00.123+14:00",
            "2021-02-28T10:11:12-00:30",
        ],
        [
            "2021-02-28T10:11:12",
            "2021-02-28T24:00:00Z",
            "2021-02-30T10:11:12Z",
            "2021-02-28T10:11Z",
            "2021-02-28T10:11:12z",
            "2021-02-28 10:11:12Z",
            "2021-02T10:11:12Z",
            "2021-02-28T10:11:12+15:00",
        ],
    ),
    p.is_instant: (["2021-02-28T10:11:12Z"], ["2021", "2021-02-28", "2021-02-28T10:11:12", "2021-02-30T10:11:12Z"]),
    p.is_time: (["10:11:12", "23:59:60.5"], ["10:11", "24:00:00", "10:11:12Z", ""]),
    p.is_id: (["a", "A-1.b", "x" * 64], ["", "x" * 65, "a b", "a_b", "é", "a\n"]),
    p.is_code: (["a", "a b", "mm[Hg]", "/min"], ["", " a", "a ", "a  b", "a\tb", "a\n"]),
    p.is_string: (
        ["a", " a ", "a\r\n\tb", "é", "\u00a0x", " ", "😀"],
        ["", "a\x00", "a\x0bb", "\ud800", "x" * (1024 * 1024 + 1)],
    ),
    p.is_uri: (
        ["http://loinc.org", "urn:oid:1.2.3", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "x"],
        [
            "",
            "a b",
            "a\n",
            "urn:oid:1.02",
            "urn:oid:9.1",
            "urn:uuid:1",
            "urn:uuid:C757873D-EC9A-4326-A141-556F43239520",
        ],
    ),
    p.is_canonical: (["http://x.org/a|1", "#a", "urn:x"], ["Questionnaire/1", "", "a b"]),
    p.is_oid: (["urn:oid:2.16.840"], ["2.16.840", "urn:oid:"]),
    p.is_uuid: (["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"], ["c757873d-ec9a-4326-a141-556f43239520"]),
    p.is_base64_binary: (["aGVsbG8=", "aGVs bG8=", "aGVs\nbG8="], ["", "aGVsbG8", "a", "####", "aGVsbG8=="]),
    p.lacks_zone: (["2021-02-28T10:11:12"], ["2021-02-28T10:11:12Z", "2021-02-28", "2021-02-30T10:11:12"]),
}


@pytest.mark.parametrize(
    ("check", "text", "right"),
    [
        (check, text, right)
        for check, (yes, no) in RIGHT_AND_WRONG.items()
        for right, texts in ((True, yes), (False, no))
        for text in texts
    ],
)
def test_what_each_type_takes(check: Callable[[str], bool], text: str, right: bool) -> None:
    assert check(text) is right


@pytest.mark.parametrize(
    ("value", "integer", "unsigned", "positive"),
    [
        (0, True, True, False),
        (1, True, True, True),
        (-1, True, False, False),
        (2**31 - 1, True, True, True),
        (2**31, False, False, False),
        (-(2**31), True, False, False),
        (True, False, False, False),
        (1.0, False, False, False),
        (Decimal("1"), False, False, False),
        ("1", False, False, False),
        (None, False, False, False),
    ],
)
def test_integers(value: object, integer: bool, unsigned: bool, positive: bool) -> None:
    assert (p.is_integer(value), p.is_unsigned_int(value), p.is_positive_int(value)) == (integer, unsigned, positive)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (1, True),
        (1.5, True),
        (Decimal("1.50"), True),
        (float("nan"), False),
        (float("inf"), False),
        (Decimal("NaN"), False),
        (Decimal("Infinity"), False),
        (True, False),
        ("1", False),
        (None, False),
    ],
)
def test_numbers(value: object, right: bool) -> None:
    assert p.is_number(value) is right


@given(st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32))
def test_days_are_those_of_the_calendar(year: int, month: int, day: int) -> None:
    real = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
    text = f"{year:04}-{month:02}-{day:02}"
    assert p.is_date(text) is real
    assert p.is_instant(f"{text}T00:00:00Z") is real


DATE_LIKE = st.one_of(
    st.from_regex(
        r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9])?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
    ),
    st.text(max_size=30),
)
ANY_TEXT = st.one_of(st.text(max_size=70), st.text("ab1-. /:#", max_size=70), DATE_LIKE)


@given(ANY_TEXT)
def test_the_quick_check_and_the_whole_one_agree(text: str) -> None:
    def accepted(**members: object) -> bool:
        return validate({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **members}) == []

    assert accepted(effectiveDateTime=text) is p.is_date_time(text)
    assert accepted(issued=text) is p.is_instant(text)
    assert accepted(valueString=text) is p.is_string(text)
    assert accepted(valueTime=text) is p.is_time(text)
    assert accepted(id=text) is p.is_id(text)
    assert accepted(implicitRules=text) is p.is_uri(text)
    assert accepted(language=text) is p.is_code(text)
    assert (validate({"resourceType": "Patient", "birthDate": text}) == []) is p.is_date(text)


@given(
    st.one_of(
        st.from_regex(r"[-+]?[0-9]{0,3}\.?[0-9]{0,3}([eE][-+]?[0-9]{1,2})?", fullmatch=True),
        st.text("0123456789.-+eE", max_size=8),
    )
)
def test_a_decimal_is_what_json_takes(text: str) -> None:
    body = f'{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"valueQuantity":{{"value":{text}}}}}'
    assert (validate(body) == []) is p.is_decimal(text)
    try:
        json.loads(text)
    except ValueError:
        assert not p.is_decimal(text)
    else:
        assert p.is_decimal(text)


@given(st.text("AQz+/= \n-é", max_size=12))
def test_base64_is_groups_of_four_with_padding_at_the_end_alone(text: str) -> None:
    groups = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
    expected = text != "" and re.fullmatch(groups, re.sub(r"[ \t\r\n]+", "", text)) is not None
    assert p.is_base64_binary(text) is expected

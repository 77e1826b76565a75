from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.mapping.transforms import (
    DATE_LAYOUTS,
    NUMBERS,
    WORDS,
    Number,
    TimeLost,
    Unreadable,
    boolean,
    comparator_decimal,
    decimal,
    integer,
    iso_date,
    iso_date_time,
    plain_number,
)
from fhir_msc.validation.primitives import is_date_time, is_decimal


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1.50", "1.50"),
        (".94", "0.94"),
        ("-.5", "-0.5"),
        ("+5", "5"),
        ("007.10", "7.10"),
        ("5.", "5"),
        ("0", "0"),
        (" 39.0 ", "39.0"),
        ("1e-3", "1e-3"),
        ("123456789012345678901234567890.10", "123456789012345678901234567890.10"),
    ],
)
def test_numbers_stay_as_written(cell: str, number: str) -> None:
    assert decimal(cell) == Number(number)


@pytest.mark.parametrize(
    "cell", ["", ".", "-", "1,5", "<3", "1 2", "abc", "N", "1.2.3", "٣", "0x1", "NaN", "inf", "1e"]
)
def test_what_is_no_number(cell: str) -> None:
    with pytest.raises(Unreadable):
        decimal(cell)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str))
def test_a_decimal_is_json_of_the_same_digits(cell: str) -> None:
    number = decimal(cell).value
    assert number == cell
    assert is_decimal(number)
    assert Decimal(json.dumps(json.loads(number, parse_float=str, parse_int=str)).strip('"')) == Decimal(cell)


@given(st.text(alphabet="0123456789+-.eE <>≤٣५", max_size=8))
def test_a_decimal_is_a_number_of_json_or_unreadable(cell: str) -> None:
    try:
        number = decimal(cell).value
    except Unreadable:
        return
    assert is_decimal(number)
    assert Decimal(number) == Decimal(cell.strip())


@pytest.mark.parametrize(
    ("cell", "number"),
    [("<3.42", Number("3.42", "<")), (">= 100", Number("100", ">=")), ("≤.5", Number("0.5", "<="))],
)
def test_comparators(cell: str, number: Number) -> None:
    assert comparator_decimal(cell) == number


@pytest.mark.parametrize("cell", ["3.42", "<", "< >3", "=3", "<N"])
def test_what_has_no_comparator(cell: str) -> None:
    with pytest.raises(Unreadable):
        comparator_decimal(cell)


def test_integers() -> None:
    assert integer("5.0") == Number("5")
    with pytest.raises(Unreadable):
        integer("5.5")


@pytest.mark.parametrize(
    ("cell", "date"),
    [
        ("2021", "2021"),
        ("2021-03", "2021-03"),
        ("2021-03-05", "2021-03-05"),
        ("2021-03-05T10:30", "2021-03-05"),
        ("2021-03-05 10:30", "2021-03-05"),
        ("2021-03-05T10:30:15.250+01:00", "2021-03-05"),
        ("2021-03-05T10", "2021-03-05"),
        ("2021-03-05T10:-:17", "2021-03-05"),
        ("2021-03-05T-:30", "2021-03-05"),
        ("2021-03T-:30", "2021-03"),
        ("2021-03-05T", "2021-03-05"),
        ("2021---", "2021"),
        ("2021---15", "2021"),
        ("2020-02-29", "2020-02-29"),
    ],
)
def test_dates_keep_their_precision(cell: str, date: str) -> None:
    assert iso_date(cell) == date


@pytest.mark.parametrize(
    "cell", ["2021-13-45", "2021-02-29", "2021-00", "0000", "21-03-05", "2021/03/05", "--12-15", "٢٠٢١", "2021-3-5", ""]
)
def test_what_is_no_date(cell: str) -> None:
    with pytest.raises(Unreadable):
        iso_date(cell)


@pytest.mark.parametrize(
    "cell",
    ["1951 03 05", "1951 Mar 5", "2021-03 05", "2021-03T10:30", "2021-03-05 about noon", "2021-03-05 25:00",
     "2021-03-05T10:30T11:00", "2021-03-05 2021-03-06", "2021-03-05 10:60"],
)  # fmt: skip
def test_what_stands_behind_a_date_is_a_time_or_it_is_no_date(cell: str) -> None:
    with pytest.raises(Unreadable):
        iso_date(cell)


@pytest.mark.parametrize(
    ("cell", "zone", "moment", "lost"),
    [
        ("2021-03-05", None, "2021-03-05", None),
        ("2021-03-05T10:30", "America/New_York", "2021-03-05T10:30:00-05:00", None),
        ("2021-07-05 10:30:15", "America/New_York", "2021-07-05T10:30:15-04:00", None),
        ("2021-03-05T10:30:15.250Z", None, "2021-03-05T10:30:15.250Z", None),
        ("2021-03-05T10:30+02:00", "America/New_York", "2021-03-05T10:30:00+02:00", None),
        ("2021-03-05T10:30", None, "2021-03-05", "zone"),
        ("2021-03-05T10", "America/New_York", "2021-03-05", "minutes"),
        ("2021-03-05T-:30", "America/New_York", "2021-03-05", None),
        ("2021-03-05T13:-:17", "America/New_York", "2021-03-05", "minutes"),
        ("2021-03-05T13:-", "America/New_York", "2021-03-05", "minutes"),
        ("2021-03-05T13:-:17+01:00", None, "2021-03-05", "minutes"),
        ("2021-03-05T10:30:-", "America/New_York", "2021-03-05T10:30:00-05:00", None),
        # 24:00 is the next day's beginning, in the zone's offset of that day.
        ("2021-03-13T24:00", "America/New_York", "2021-03-14T00:00:00-05:00", None),
        ("2021-03-14T24:00:00", "America/New_York", "2021-03-15T00:00:00-04:00", None),
        ("2020-12-31T24:00:00.00Z", None, "2021-01-01T00:00:00.00Z", None),
        ("2021-02-28T24:00", None, "2021-03-01", "zone"),
        ("2021-02-28T24", "America/New_York", "2021-03-01", "minutes"),
        ("2021-03-05T10:30+0100", None, "2021-03-05T10:30:00+01:00", None),
        ("2021-03-05T10:30:15-0330", None, "2021-03-05T10:30:15-03:30", None),
        ("2021-03-05T10:30+01", "America/New_York", "2021-03-05T10:30:00+01:00", None),
        ("2021-03-05T10:30:15,250", "Asia/Kolkata", "2021-03-05T10:30:15.250+05:30", None),
        # The hour that comes twice is taken as the first of the two.
        ("2021-11-07T01:30", "America/New_York", "2021-11-07T01:30:00-04:00", None),
        ("2021-03-05T10:30", "Asia/Kolkata", "2021-03-05T10:30:00+05:30", None),
    ],
)
def test_times_carry_a_zone(cell: str, zone: str | None, moment: str, lost: TimeLost) -> None:
    assert iso_date_time(cell, zone) == (moment, lost)
    assert is_date_time(moment)


@pytest.mark.parametrize(
    ("cell", "zone", "moment", "lost"),
    [
        ("2021-02-01T10:00/2021-02-01T10:30", "America/New_York", "2021-02-01", "minutes"),
        ("2021-02-01 10:00/2021-02-01 10:30", None, "2021-02-01", "minutes"),
        ("2021-02-01T10:00Z/2021-02-01T10:00Z", None, "2021-02-01T10:00:00Z", None),
        ("2021-02-01T10:30/2021-02-01T10:30", None, "2021-02-01", "zone"),
        ("2021-02-01/2021-02-01T10:30", "America/New_York", "2021-02-01", "minutes"),
        ("2021-02-01T22:00/2021-02-02T01:00", "America/New_York", "2021-02", "minutes"),
        ("2021-02-01/2021-02-15", "America/New_York", "2021-02", None),
        ("2021-02-15/2021-03", "America/New_York", "2021", None),
    ],
)
def test_of_an_interval_stays_what_its_ends_have_in_common(
    cell: str, zone: str | None, moment: str, lost: TimeLost
) -> None:
    assert iso_date_time(cell, zone) == (moment, lost)
    assert is_date_time(moment)


@pytest.mark.parametrize(
    "cell",
    [
        *("2020-12-31/2021-01-01", "2021-02-01/2021-02-30", "2021-02-01/", "/2021-02-01", "2021-02-01/P1D"),
        *("2021/03/05", "2021-02-01/2021-02-01/2021-02-01", "2021-02-01T10:00/2021-02-01T10:60"),
    ],
)
def test_what_is_no_interval_within_a_year(cell: str) -> None:
    with pytest.raises(Unreadable):
        iso_date_time(cell, "Etc/UTC")


@pytest.mark.parametrize(
    "cell",
    [
        *("2021-03T10:30", "2021-03T10", "2021-03T10:-:17", "2021-03-05T10:60", "2021-03-05T1:30", "T10:30"),
        *("2021-03-05T24:01", "2021-03-05T24:00:00.1", "2021-03-05T24:-:17", "9999-12-31T24:00", "2021-03-05T25"),
        *("2021-03-05T10:", "2021-03-05T10:30:", "2021-03-05T10:30:-.5", "2021-03-05T10:30:15.", "2021-03-05T10.5"),
        *("2021-03-05T10:30+1", "2021-03-05T10:30+01:", "2021-03-05T10:30+010", "-----T07:15", "--02-01"),
    ],
)
def test_what_is_no_time(cell: str) -> None:
    with pytest.raises(Unreadable):
        iso_date_time(cell, "Etc/UTC")


@given(
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2099, 12, 31)),  # noqa: DTZ001
    st.sampled_from(["America/New_York", "Europe/Zurich", "Asia/Kolkata", "Australia/Lord_Howe", "Etc/UTC"]),
)
def test_a_wall_clock_time_is_the_moment_it_was_there(wall: datetime, zone: str) -> None:
    wall = wall.replace(microsecond=0)
    moment, _ = iso_date_time(wall.isoformat(), zone)
    there = wall.replace(tzinfo=ZoneInfo(zone))
    assert datetime.fromisoformat(moment).astimezone(UTC) == there.astimezone(UTC)
    assert moment.startswith(wall.isoformat())


@given(st.text(alphabet="0123456789-T: Z+.,/", max_size=20))
def test_a_time_is_a_dateTime_of_fhir_or_unreadable(cell: str) -> None:
    try:
        moment, _ = iso_date_time(cell, "Europe/Zurich")
    except Unreadable:
        return
    # An offset is passed on as it stands; FHIR's check of the body refuses one that no place has.
    assert is_date_time(re.sub(r"[+-]\d\d:\d\d$", "+00:00", moment))


@pytest.mark.parametrize(
    ("layout", "cell", "date"),
    [
        ("date-us", "3/5/2021", "2021-03-05"),
        ("date-eu", "5.3.2021", "2021-03-05"),
        ("date-eu", "05/03/2021", "2021-03-05"),
    ],
)
def test_layouts(layout: str, cell: str, date: str) -> None:
    assert DATE_LAYOUTS[layout](cell) == date


@pytest.mark.parametrize(
    ("layout", "cell"), [("date-us", "13/5/2021"), ("date-eu", "31.2.2021"), ("date-us", "2021-03-05")]
)
def test_what_has_another_layout(layout: str, cell: str) -> None:
    with pytest.raises(Unreadable):
        DATE_LAYOUTS[layout](cell)


def test_words() -> None:
    assert [boolean(cell) for cell in ("Y", "no", "1", "FALSE")] == ["true", "false", "true", "false"]
    with pytest.raises(Unreadable):
        boolean("maybe")


@pytest.mark.parametrize(
    ("cells", "number"),
    [
        (("4", "4.0", "4.00", "4.", "04", "+4"), "4"),
        (("4.1", "4.10", "04.100"), "4.1"),
        (("40", "40.0"), "40"),
        (("-1", "-1.0"), "-1"),
        (("0", "0.0", "-0", "-0.0"), "0"),
    ],
)
def test_a_visit_has_one_number_however_it_is_spelled(cells: tuple[str, ...], number: str) -> None:
    assert [plain_number(cell) for cell in cells] == [number] * len(cells)


EXPECTATIONS = {
    "",
    "a number is expected",
    "a number with < <= > or >= is expected",
    "a whole number is expected",
    "a date as YYYY, YYYY-MM or YYYY-MM-DD is expected",
    "a date of the declared layout is expected",
    "there is no such month",
    "there is no such day",
    "yes or no is expected",
}


@given(st.sampled_from([*WORDS, *NUMBERS]), st.text(max_size=12))
def test_a_transform_reads_or_says_what_it_expects_and_never_the_cell(name: str, cell: str) -> None:
    read = {**WORDS, **NUMBERS}[name]
    said = ""
    try:
        read(cell)
    except Unreadable as reason:
        said = str(reason)
    assert said in EXPECTATIONS

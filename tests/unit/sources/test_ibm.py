"""Numbers of SAS transport files."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.sources.ibm import number_of
from tests.unit.sources.xpt_writer import ibm

PRINTABLE = st.floats(min_value=-1e70, max_value=1e70, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-70)


@given(PRINTABLE)
def test_a_number_comes_back_with_15_digits(value: float) -> None:
    assert float(number_of(ibm(value))) == float(f"{value:.15g}")


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 6))
def test_a_decimal_number_is_spelled_as_a_person_does(digits: int, places: int) -> None:
    written = f"{digits / 10**places:.{places}f}"
    expected = written.rstrip("0").rstrip(".") if "." in written else written
    assert number_of(ibm(float(written))) == ("0" if expected in ("-0", "") else expected)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"),
        (9.299999999999999, "9.3"),
        (0.1 + 0.2, "0.3"),
        (-2.5, "-2.5"),
        (0.0000001, "0.0000001"),
        (0.00001234, "0.00001234"),
        (1e-8, "1e-8"),
        (1e15, "1000000000000000"),
        (123456789012345680.0, "123456789012346000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
    ],
)
def test_spelling(value: float, text: str) -> None:
    assert number_of(ibm(value)) == text


@pytest.mark.parametrize("letter", "._ABCDEFGHIJKLMNOPQRSTUVWXYZ")
def test_sas_missing_values_are_empty(letter: str) -> None:
    assert number_of(letter.encode() + bytes(7)) == ""
    assert number_of(letter.encode() + bytes(2)) == ""


def test_zero_of_either_sign_is_no_missing_value() -> None:
    assert number_of(bytes(8)) == "0"
    assert number_of(b"\x80" + bytes(7)) == "0"


@given(st.integers(-60000, 60000), st.integers(3, 8))
def test_a_shortened_number_is_its_leading_bytes(value: int, length: int) -> None:
    assert number_of(ibm(float(value))[:length]) == str(value)


def test_the_writer_of_these_tests_is_right() -> None:
    # IBM, "z/Architecture Principles of Operation", hexadecimal floating point: -118.625 is C276A00000000000.
    assert ibm(-118.625) == bytes.fromhex("C276A00000000000")
    assert ibm(1.0) == bytes.fromhex("4110000000000000")
    assert math.isclose(float(number_of(bytes.fromhex("C276A00000000000"))), -118.625)

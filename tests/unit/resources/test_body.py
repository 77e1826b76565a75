from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given

from fhir_msc.errors import UsageError
from fhir_msc.resources import Number, references, serialise
from tests.unit.resources import strategies


@pytest.mark.parametrize("text", ["1.50", "0.00000001", "1e5", "-0.0", "1E-8", "123456789012345678901234567890"])
def test_numbers_stay_as_written(text: str) -> None:
    assert serialise({"value": Number(text)}) == b'{"value":%b}' % text.encode()


@given(strategies.decimal)
def test_a_number_is_the_decimal_of_its_text(text: str) -> None:
    assert Number(text) == Decimal(text)
    assert str(Number(text)) == text


@pytest.mark.parametrize("text", ["", ".94", "1.", "+1", "01", "NaN", "Infinity", " 1", "1_0", "<1", "1,5", "٣"])
def test_what_json_takes_for_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        Number(text)


@pytest.mark.parametrize("value", [Decimal("NaN"), b"bytes", {1, 2}])
def test_what_has_no_form_in_json_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        serialise({"value": value})


def test_keys_keep_their_order_and_text_is_utf_8() -> None:
    assert serialise({"b": "é", "a": [True, None]}) == '{"b":"é","a":[true,null]}'.encode()


def test_references_are_those_to_other_resources_once_in_order() -> None:
    body = {
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "#product"},
        "extension": [{"valueReference": {"reference": "ResearchStudy/r1"}}],
        "contained": [{"managingOrganization": {"reference": "Organization/g1"}}],
        "focus": [{"reference": "Patient/p1"}, {"display": "no literal"}],
    }
    assert references(body) == ("p1", "r1", "g1")

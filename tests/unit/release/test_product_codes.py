"""No lot, kit or donor tells a person: by its form, or by what it holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fhir_msc.release.product_codes import SHORTEST_INSIDE, codes_of, names, parts, told
from fhir_msc.trial import CellProduct, Coding, Concept, Infusion

PERSONS = {name for cell in ("Anna-María O'Hara", "Lee", "Smithers", "00412377") for name in names(cell)}


def known(found: Sequence[str]) -> bool:
    return not PERSONS.isdisjoint(found)


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("123-45-6789", "social security"),
        ("LOT 123 45 6789", "social security"),
        ("L123.45.6789-A", "social security"),
        ("SSN123456789", "social security"),
        ("LOT_123_45_6789", "social security"),
        ("123/45/6789", "social security"),
        ("123 - 45 - 6789", "social security"),
        ("123\u201345\u20136789", "social security"),
        ("\uff11\uff12\uff13-\uff14\uff15-\uff16\uff17\uff18\uff19", "social security"),
        ("123-\u200b45-6789", "social security"),
        ("\uff2d\uff32\uff2e 7", "medical record"),
        ("MRN-00017", "medical record"),
        ("lot mrn 5", "medical record"),
        ("H-7712345", "medical record"),
        ("SMITHERS", "persons"),
        ("lot-smithers-2", "persons"),
        ("LOTSMITHERS2", "persons"),
        ("MARIA-01", "persons"),
        ("LEE", "persons"),
        ("L-LEE-2", "persons"),
        ("UC00412377B", "persons"),
        ("UC-0041-2377", "persons"),
        ("X" * 90 + "SMITHERS", "persons"),
        ("Umbilical cord mesenchymal stromal cells of the donor known to the bank as smithers", "persons"),
    ],
)
def test_a_code_that_tells_a_person(code: str, how: str) -> None:
    found = told(["SYN-LOT-2C", code], known, re.compile(r"H-\d{7}"))
    assert found is not None
    assert found[0] == code
    assert how in found[1]
    assert code not in found[1]


@pytest.mark.parametrize(
    "code",
    [
        "SYN-LOT-2C", "SLEEVE-01", "123456789", "000-12-3456", "666-12-3456", "912-12-3456", "123-00-4567",
        "123-45-0000", "1123-45-6789", "123-45 6789", "MRNA-1", "EMRN-1", "", "-", "smith", "0041237",
    ],
)  # fmt: skip
def test_a_code_that_tells_none(code: str) -> None:
    assert told([code], known) is None


some = st.text(max_size=70)


@given(some, st.text(min_size=1, max_size=60), some)
def test_whatever_is_long_enough_is_found_inside(before: str, name: str, after: str) -> None:
    for one in names(name):
        if len(one) >= SHORTEST_INSIDE:
            assert one in parts(f"{before}{one}{after}")
        assert one in parts(f"{one}") or not one.isalnum()


beside = st.text("ABCXYZabcxyz-_. /#:", max_size=30)
separators = st.sampled_from(["-", ".", " ", "_", "/", " - ", "\u2010", "\u2014"])
areas = st.integers(1, 899).filter(lambda number: number != 666)


@given(beside, areas, st.integers(1, 99), st.integers(1, 9999), separators, beside)
def test_a_number_as_the_administration_issues_them_is_found_wherever_it_stands(
    before: str, area: int, group: int, serial: int, by: str, after: str
) -> None:
    found = told([f"{before}{area:03}{by}{group:02}{by}{serial:04}{after}"], known)
    assert found is not None


@given(st.text("-_. /#:", max_size=10), st.sampled_from(["MRN", "mrn", "Mrn"]), st.integers(0), some)
def test_what_says_it_is_a_record_number_is_found(before: str, word: str, number: int, after: str) -> None:
    found = told([f"{before}{word}{before}{number}{after}"], lambda _: False)
    assert found is not None


@given(st.from_regex(r"[A-Z]{2,4}-?(LOT|KIT|DONOR)-?[0-9]{1,4}[A-Z]?", fullmatch=True))
def test_codes_as_makers_give_them_tell_nobody(code: str) -> None:
    assume(PERSONS.isdisjoint(code.casefold().split("-")))
    assert told([code], known) is None


def test_every_code_of_a_record_is_looked_at() -> None:
    product = Concept((Coding("x", "CODE"),), "Words")
    unit = CellProduct(("k",), "S", (), lot="L", kit="K", donor="D", product=product)
    assert codes_of(unit) == ["L", "K", "CODE", "Words", "D"]
    assert codes_of(Infusion(("k",), "S", (), "2020", lot="L", kit="K", product=product)) == ["L", "K", "CODE", "Words"]
    assert codes_of(Infusion(("k",), "S", (), "2020")) == []

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.resources import Identity

SECRET = bytes(range(32))
parts = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=20), max_size=5)


def by_the_book(secret: bytes, texts: list[str]) -> bytes:
    encoded = [unicodedata.normalize("NFC", text).encode() for text in texts]
    message = b"".join(str(len(text)).encode() + b":" + text for text in encoded)
    return hmac.new(secret, message, hashlib.sha256).digest()


def without_empty_end(texts: list[str]) -> list[str]:
    while texts and not texts[-1]:
        texts = texts[:-1]
    return texts


@given(parts)
def test_is_hmac_sha256_over_domain_type_and_parts(texts: list[str]) -> None:
    expected = by_the_book(SECRET, ["larch", "Observation", *without_empty_end(texts)])[:20].hex()
    assert Identity(SECRET, "larch").rid("Observation", texts) == f"o{expected}"


def test_many_ids_are_those_of_each() -> None:
    identity, keys = Identity(SECRET, "larch"), [("LB", "S1", "ALB"), ("LB", "S1", ""), ()]
    assert identity.rids("Observation", keys) == [identity.rid("Observation", key) for key in keys]
    assert identity.rids("Basic", keys) == [identity.rid("Basic", key) for key in keys]


def test_parts_of_any_length() -> None:
    texts = ["a" * 255, "b" * 256, "c" * 3000, "é" * 300]
    assert Identity(SECRET, "larch").digest("x", texts) == by_the_book(SECRET, ["larch", "#x", *texts])
    assert Identity(SECRET, "larch").digest("x", texts[:3]) == by_the_book(SECRET, ["larch", "#x", *texts[:3]])


@given(parts)
def test_digest_is_of_another_use(texts: list[str]) -> None:
    identity = Identity(SECRET, "larch")
    assert identity.digest("row", texts) == by_the_book(SECRET, ["larch", "#row", *without_empty_end(texts)])
    assert identity.digest("row", texts) != identity.digest("loose", texts)
    assert identity.digest("Patient", texts)[:20].hex() not in identity.rid("Patient", texts)


@pytest.mark.parametrize("length", [1, 20, 64, 65, 200])
def test_secrets_of_any_length(length: int) -> None:
    secret = b"k" * length
    assert Identity(secret, "d").digest("x", ("y",)) == by_the_book(secret, ["d", "#x", "y"])


@given(parts, parts)
def test_only_equal_keys_share_an_id(one: list[str], other: list[str]) -> None:
    identity = Identity(SECRET, "larch")
    normal = [[unicodedata.normalize("NFC", text) for text in without_empty_end(texts)] for texts in (one, other)]
    assert (identity.rid("Consent", one) == identity.rid("Consent", other)) == (normal[0] == normal[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b"), ("ab",)),
        (("a", "b"), ("b", "a")),
        (("1:a",), ("a",)),
        (("", "a"), ("a",)),
        (("a", "", "b"), ("a", "b")),
    ],
)
def test_parts_do_not_run_into_each_other(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    identity = Identity(SECRET, "larch")
    assert identity.rid("Patient", one) != identity.rid("Patient", other)


def test_absent_equals_empty_and_composed_equals_decomposed() -> None:
    identity = Identity(SECRET, "larch")
    assert identity.rid("Patient", ("S1", "ALB")) == identity.rid("Patient", ("S1", "ALB", "", ""))
    assert identity.rid("Patient", ("\u00e9",)) == identity.rid("Patient", ("e\u0301",))


def test_domains_secrets_and_types_are_unrelated() -> None:
    ids = {
        Identity(SECRET, "larch").rid("Patient", ("S1",))[1:],
        Identity(SECRET, "alder").rid("Patient", ("S1",))[1:],
        Identity(SECRET[1:], "larch").rid("Patient", ("S1",))[1:],
        Identity(SECRET, "larch").rid("Consent", ("S1",))[1:],
    }
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("type", "letter"),
    [
        ("Patient", "p"),
        ("Consent", "c"),
        ("AdverseEvent", "a"),
        ("MedicationAdministration", "m"),
        ("Observation", "o"),
        ("ResearchStudy", "r"),
        ("ResearchSubject", "s"),
        ("Organization", "g"),
        ("Encounter", "e"),
        ("CodeSystem", "k"),
        ("ValueSet", "h"),
        ("PractitionerRole", "i"),
        ("Basic", "x"),
    ],
)
def test_letter_tells_the_type(type: str, letter: str) -> None:
    assert re.fullmatch(letter + "[0-9a-f]{40}", Identity(SECRET, "larch").rid(type, ("S1",)))


def test_stays_what_it_was() -> None:
    assert Identity(SECRET, "larch").rid("Patient", ("S1", "Zoë")) == "pfc17ac0553296d52869337038b197c516cae6538"

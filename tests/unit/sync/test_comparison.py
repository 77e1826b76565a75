from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.sync.comparison import holds, version_id
from fhir_msc.target.fhirjson import parse

OURS = '{"resourceType":"Observation","id":"o1","meta":{"profile":["p"],"tag":[{"system":"s","code":"t"}]},"v":1.50}'


def server(text: str) -> bool:
    return holds(parse(text.encode()), OURS.encode())


@pytest.mark.parametrize(
    ("change", "held"),
    [
        (("1.50", "1.50"), True),
        (("1.50", "1.5"), False),
        (("1.50", '"1.50"'), False),
        (('"id":"o1"', '"id":"o2"'), False),
        (('"v":1.50', '"v":1.50,"note":[{"text":"x"}]'), False),
        (('"v":1.50', '"w":1.50'), False),
        (('"meta":{', '"meta":{"versionId":"7","lastUpdated":"2026-01-01T00:00:00Z","source":"#a",'), True),
        (('"tag":[', '"tag":[{"system":"x","code":"y"},'), True),
        (('"meta":{', '"meta":{"security":[{"system":"x","code":"R"}],'), True),
        (('"profile":["p"]', '"profile":["q","p"]'), True),
        (('"profile":["p"]', '"profile":["q"]'), False),
        (('{"system":"s","code":"t"}', '{"system":"s","code":"t","display":"T"}'), True),
        (('{"system":"s","code":"t"}', '{"system":"s","code":"u"}'), False),
        (('"meta":{', '"meta":{"extension":[{"url":"e"}],'), False),
        (('"v":', '"text":{"status":"generated","div":"<div/>"},"v":'), True),
        (('"v":', '"text":{"status":"additional","div":"<div/>"},"v":'), False),
    ],
)
def test_what_a_server_may_add_and_what_not(change: tuple[str, str], held: bool) -> None:
    assert server(OURS.replace(*change, 1)) is held


def test_our_own_narrative_must_be_there() -> None:
    with_text = OURS.replace('"v":', '"text":{"status":"generated","div":"<div>a</div>"},"v":')
    assert holds(parse(with_text.encode()), with_text.encode())
    assert not holds(parse(OURS.encode()), with_text.encode())


def test_the_version() -> None:
    assert version_id(parse(b'{"meta":{"versionId":"3"}}')) == "3"
    assert version_id(parse(b"{}")) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(one=st.dictionaries(st.sampled_from("abc"), values), other=st.dictionaries(st.sampled_from("abc"), values))
def test_it_agrees_with_equality_of_the_texts(one: dict[str, object], other: dict[str, object]) -> None:
    """Against a second way: sorted JSON text, which tells true from 1 and "1" from 1."""
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert holds(parse(json.dumps(one).encode()), json.dumps(other).encode()) is same

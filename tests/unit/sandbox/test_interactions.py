"""Versions, If-Match, labels and conditions over a store in memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from fhir_msc.sandbox import bundles, interactions
from fhir_msc.sandbox.interactions import Work
from fhir_msc.sandbox.outcome import Refused
from fhir_msc.sandbox.store import Store


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(None, lambda: 1_700_000_000_000)
    yield store
    store.close()


def work(store: Store, **more: Any) -> Work:
    numbers = count()
    return Work(store, lambda: f"new-{next(numbers)}", **more)


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p", **more}


@pytest.mark.parametrize(
    ("if_match", "stale"),
    [(None, False), ('W/"3"', False), ('"3"', False), ("3", False), (' W/"3" ', False),
     ('W/"2"', True), ('W/"33"', True), ('W/""', True), ("*", True), ("", True)],
)  # fmt: skip
def test_if_match_names_one_version(if_match: str | None, stale: bool) -> None:
    assert interactions.is_stale(if_match, 3) is stale


def test_no_two_transactions_share_an_instant(store: Store) -> None:
    stamps = []
    for _ in range(3):
        with store.transaction():
            stamps.append(store.now)
    assert stamps == sorted(set(stamps))


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def write_two() -> None:
        with store.transaction():
            interactions.update(work(store), "Patient", "p", patient(), None)
            interactions.update(work(store), "Patient", "q", patient(), None)

    with pytest.raises(Refused):
        write_two()
    assert store.current("Patient", "p") is None


@pytest.mark.parametrize(
    ("before", "given", "replaced", "after"),
    [
        (["a"], [], "", ["a"]),
        (["a"], ["b"], "", ["a", "b"]),
        (["a"], ["a"], "", ["a"]),
        (["a"], [], "TAG", []),
        (["a"], ["b"], "TAG", ["b"]),
        (["a"], ["b"], "SECURITY_LABEL", ["a", "b"]),
        ([], [], "", []),
    ],
)
def test_tags_stay_unless_replaced(
    store: Store, before: list[str], given: list[str], replaced: str, after: list[str]
) -> None:
    def body(codes: list[str]) -> dict[str, Any]:
        return patient(meta={"tag": [{"system": "urn:t", "code": code} for code in codes]}) if codes else patient()

    with store.transaction():
        interactions.update(work(store), "Patient", "p", body(before), None)
        interactions.update(work(store, replaced=frozenset({replaced})), "Patient", "p", body(given), None)
    stored = interactions.read(store, "Patient", "p").body
    assert stored is not None
    assert [tag["code"] for tag in orjson.loads(stored)["meta"].get("tag", [])] == after


def test_a_batch_entry_that_fails_leaves_nothing_of_itself(store: Store) -> None:
    def entry(identity: str, link: str | None = None) -> dict[str, Any]:
        resource = patient(**({"managingOrganization": {"reference": link}} if link else {})) | {"id": identity}
        return {"resource": resource, "request": {"method": "PUT", "url": f"Patient/{identity}"}}

    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [entry("a"), entry("b", "Organization/no"), entry("c")],
    }
    with store.transaction():
        answer = bundles.run(lambda: interactions.Work(store, lambda: "new"), bundle, lambda url: b"{}", whole=False)
    assert [one["response"]["status"] for one in answer["entry"]] == ["201 Created", "400 Bad Request", "201 Created"]
    assert [bool(store.exists("Patient", name)) for name in "abc"] == [True, False, True]


class Versions(RuleBasedStateMachine):
    """A sandbox beside a list of bodies per id: puts, deletes, stale writes and rollbacks in any order."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.store = Store(None, lambda: 0)
        self.model: dict[str, list[bool | None]] = {}

    def teardown(self) -> None:
        self.store.close()

    @rule(target=ids, name=st.sampled_from("abc"))
    def choose(self, name: str) -> str:
        return name

    @rule(name=ids, active=st.booleans(), stale=st.booleans(), fails=st.booleans())
    def put(self, name: str, active: bool, stale: bool, fails: bool) -> None:
        versions = self.model.get(name, [])
        if_match = f'W/"{len(versions) + stale}"' if versions else None
        refused = 409 if stale and versions else 400 if fails else None
        try:
            with self.store.transaction():
                body = patient(active=active) | {"id": name}
                answer = interactions.update(work(self.store), "Patient", name, body, if_match)
                if fails:
                    raise Refused(400, "invalid", "undo")
        except Refused as error:
            if error.status != refused:
                raise
            return
        assert refused is None
        lives = bool(versions) and versions[-1] is not None
        if not lives or versions[-1] is not active:
            self.model[name] = [*versions, active]
        assert answer.status == (200 if lives else 201)
        assert answer.version.number == len(self.model[name])

    @rule(name=ids)
    def delete(self, name: str) -> None:
        versions = self.model.get(name, [])
        with self.store.transaction():
            answer = interactions.delete(work(self.store), "Patient", name)
        if versions and versions[-1] is not None:
            self.model[name] = [*versions, None]
            assert answer is not None
        else:
            assert answer is None

    @invariant()
    def every_version_reads_as_it_was_written(self) -> None:
        for name, versions in self.model.items():
            for number, active in enumerate(versions, 1):
                if active is None:
                    with pytest.raises(Refused):
                        interactions.read(self.store, "Patient", name, number)
                else:
                    body = interactions.read(self.store, "Patient", name, number).body
                    assert body is not None
                    assert orjson.loads(body)["active"] is active
            assert len(self.store.history("Patient", name, None)) == len(versions)


TestVersions = Versions.TestCase
TestVersions.settings = settings(max_examples=30, stateful_step_count=20)

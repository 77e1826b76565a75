"""An SDTM study as Dataset-JSON, blind: the changes that ``test_blindness_sdtm.py`` makes to transport files, and those
that only such a file can have. No byte that leaves differs, and what is sent is what the transport files give."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.armchanges import CHANGES, TOKEN, telling
from tests.support.blinding import Files, Observed, Rig, assert_same, bodies_sent, differences, places
from tests.support.exports import Export, dataset_json_files, file_bytes
from tests.support.substudy import CONFIG, small_study

pytestmark = [pytest.mark.shared, pytest.mark.together]

bounded = settings(deadline=None, phases=[Phase.reuse, Phase.generate])
some_changes = st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=4)
seeds = st.integers(0, 2**32)

BY_LINE = ("AE", "EX", "LB", "SUPPEC", "ZZ")
"""The tables that come as NDJSON."""


def files(export: Export) -> Files:
    return dataset_json_files(export, BY_LINE)


def changed(export: Export, names: Sequence[str], seed: int) -> Files:
    random = Random(seed)
    for name in names:
        export = CHANGES[name](export, random)
    return files(export)


@dataclass(repr=False)
class Study:
    """Part of the study, with something of everything that tells the arm, and all that leaves of it."""

    rig: Rig
    export: Export
    seen: Observed


@pytest.fixture(scope="module")
def study(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    export = telling(small_study(shared / "data/sdtm-msg-18subjects"), Random(1))
    root = tmp_path_factory.mktemp("blind")
    with contextlib.chdir(root):
        rig = Rig(root, CONFIG, "sdtm")
        yield Study(rig, export, rig.observe(files(export), whole=True))


def test_it_sends_what_the_transport_files_give(study: Study) -> None:
    of_xpt = study.rig.observe({name: file_bytes(content) for name, content in study.export.items()}, whole=True)
    assert of_xpt["1 requests"] == study.seen["1 requests"]
    assert of_xpt["1 bodies"] == study.seen["1 bodies"]
    assert len(bodies_sent(study.seen["1 requests"])) > 100
    assert b'format = "dataset-json"' in study.seen["init's config"]
    assert b"\nDM,dm.json,6," in study.seen["1 reconcile --csv"]
    assert b"internal error" not in b"".join(study.seen.values())


@given(some_changes, seeds)
@settings(bounded, max_examples=25)
def test_no_change_of_the_arm_changes_a_body(study: Study, names: list[str], seed: int) -> None:
    found = study.rig.observe(changed(study.export, names, seed), seed=seed, send=False)
    assert_same({name: study.seen[name] for name in found}, found)


@given(some_changes, seeds)
@settings(bounded, max_examples=6)
def test_nor_a_request_nor_the_ledger(study: Study, names: list[str], seed: int) -> None:
    found = study.rig.observe(changed(study.export, names, seed), seed=seed)
    assert_same({name: study.seen[name] for name in found}, found)


def test_no_command_tells_of_it(study: Study) -> None:
    assert_same(study.seen, study.rig.observe(changed(study.export, sorted(CHANGES), 5), seed=5, whole=True))


def test_nothing_that_tells_the_arm_is_anywhere(study: Study) -> None:
    assert sum(content.count(TOKEN.encode()) for content in files(study.export).values()) > 200
    for name, content in [*study.seen.items(), ("the project's folder", study.rig.raw_state())]:
        assert TOKEN.encode() not in content.upper(), name


Document = dict[str, Any]


def of_cells(make: Callable[[], object], *columns: str) -> Callable[[Document], None]:
    """Fills cells of these columns."""

    def change(document: Document) -> None:
        names = [column["name"] for column in document["columns"]]
        for row in document["rows"]:
            for column in columns:
                row[names.index(column)] = make()

    return change


def other_types(document: Document) -> None:
    for column in document["columns"]:
        if column["name"] in ("ARM", "ARMCD", "ACTARM", "ACTARMCD"):
            column |= {"dataType": "integer", "label": f"{TOKEN}", "length": 7, "keySequence": 1}


def other_attributes(document: Document) -> None:
    document |= {"label": TOKEN, "originator": TOKEN, "sourceSystem": {"name": TOKEN, "version": "1"}, "extra": [TOKEN]}


DM_CHANGES: dict[str, Callable[[Document], None]] = {
    "an array": of_cells(lambda: ["kit"], "ARM"),
    "an object": of_cells(lambda: {"a": 1}, "ACTARMCD", "ARMCD"),
    "half a character": of_cells(lambda: "\ud83d", "ARM"),
    "numbers": of_cells(lambda: 1.5, "ARM", "ARMCD"),
    "nothing": of_cells(lambda: None, "ARM", "ARMCD", "ACTARM", "ACTARMCD"),
    "long": of_cells(lambda: TOKEN * 50_000, "ARM"),
    "types and labels": other_types,
    "attributes": other_attributes,
}


@pytest.mark.parametrize("name", sorted(DM_CHANGES))
def test_what_only_a_sealed_cell_of_json_can_hold(study: Study, name: str) -> None:
    of = dict(files(study.export))
    document = json.loads(of["dm.json"], parse_float=str)
    DM_CHANGES[name](document)
    of["dm.json"] = json.dumps(document, indent=1).encode()
    found = study.rig.observe(of)
    assert_same({place: study.seen[place] for place in found}, found)


def test_a_sealed_cell_that_is_not_utf_8(study: Study) -> None:
    of = dict(files(study.export))
    document = json.loads(of["dm.json"], parse_float=str)
    of_cells(lambda: "KAF\N{LATIN SMALL LETTER E WITH ACUTE}", "ARM")(document)
    of["dm.json"] = json.dumps(document, ensure_ascii=False).encode("latin-1")
    found = study.rig.observe(of)
    assert_same({place: study.seen[place] for place in found}, found)


@pytest.mark.parametrize("name", ["ex.xpt", "se.XPT", "zz_unknown.xpt"])
def test_a_sealed_table_in_the_other_format_does_not_say_which_is_read(study: Study, name: str) -> None:
    """The project's config names no format, and the pack prefers transport files."""
    content = file_bytes(study.export["ex.xpt"])
    assert_same(study.seen, study.rig.observe({**files(study.export), name: content}, whole=True))
    assert_same(study.seen, study.rig.observe({**files(study.export), name: content[:-9]}, whole=True))


def test_the_comparison_can_fail(study: Study) -> None:
    """A cell that is not sealed, and damage to a table that is not, are seen."""
    of = dict(files(study.export))
    document = json.loads(of["dm.json"], parse_float=str)
    of_cells(lambda: "F", "SEX")(document)
    other = {**of, "dm.json": json.dumps(document).encode()}
    assert places(_different(study, study.rig.observe(other, send=False))) == {"bodies"}
    torn = {**of, "ae.ndjson": of["ae.ndjson"][:-9]}
    assert {"map", "bodies"} <= places(_different(study, study.rig.observe(torn, send=False)))


def _different(study: Study, found: Observed) -> list[str]:
    return differences({place: study.seen[place] for place in found}, found)

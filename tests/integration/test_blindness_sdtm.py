"""An SDTM study, blind: whatever depends on the arm changes, and no byte that leaves does.

See ``docs/guarantees/blinding.md``. The changes are those of ``tests.support.armchanges``; what is compared is in
``tests.support.blinding``. Most cases run on a part of the study (six participants), a few on the whole of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.armchanges import CHANGES, TOKEN, telling
from tests.support.blinding import Files, Observed, Rig, assert_same, bodies_sent
from tests.support.exports import Domain, Export, file_bytes, read_export
from tests.support.substudy import CONFIG, WITHOUT_CONSENT, small_study
from tests.unit.sources.xpt_writer import Column

pytestmark = [pytest.mark.shared, pytest.mark.together]

bounded = settings(deadline=None, phases=[Phase.reuse, Phase.generate])
"""What a case is made of does not get simpler by trying: no search for a smaller one."""

some_changes = st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=4)
seeds = st.integers(0, 2**32)


def files(export: Export) -> Files:
    return {name: file_bytes(content) for name, content in export.items()}


def changed(export: Export, names: Sequence[str], seed: int) -> Files:
    random = Random(seed)
    for name in names:
        export = CHANGES[name](export, random)
    return files(export)


def edited(export: Export) -> Export:
    """A cut of the data later: a result corrected, an early row new. Nothing of it depends on the arm."""
    domain = export["lb.xpt"]
    assert isinstance(domain, Domain)
    first = next(row for row in domain.rows if domain.text(row, "LBTESTCD") == "ALB")
    corrected = domain.with_cell(first, "LBORRES", b"4.44")
    early = domain.with_cell(first, "LBDTC", b"2013-12-24")
    rows = (early, *(corrected if row == first else row for row in domain.rows))
    return {**export, "lb.xpt": replace(domain, rows=rows)}


@dataclass(repr=False)
class Study:
    """Part of the study, with something of everything that tells the arm, and all that leaves of it."""

    rig: Rig
    export: Export
    seen: Observed
    seen_later: Observed
    """Of the export twice as it is, then of a later cut of it, over one ledger."""


@pytest.fixture(scope="module")
def study(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    export = telling(small_study(shared / "data/sdtm-msg-18subjects"), Random(1))
    root = tmp_path_factory.mktemp("blind")
    with contextlib.chdir(root):
        rig = Rig(root, CONFIG, "sdtm")
        seen = rig.observe(files(export), whole=True)
        yield Study(rig, export, seen, rig.observe(files(export), files(export), files(edited(export))))


def test_there_is_something_to_see(study: Study) -> None:
    """The comparisons below would hold of a program that does nothing."""
    seen, later = study.seen, study.seen_later
    assert later["1 requests"] == later["2 requests"] != later["3 requests"]
    assert seen["1 map: exit code"] == seen["1 sync: exit code"] == b"1", "the planted bad cells are errors"
    types = {str(body["resourceType"]) for body in bodies_sent(seen["1 requests"])}
    assert types >= {"Patient", "MedicationAdministration", "Observation", "AdverseEvent", "ResearchSubject"}
    assert types >= {"Condition", "MedicationStatement", "Group", "PlanDefinition", "Provenance"}
    assert b"2021-13-45" in seen["1 map: stdout"], "values are shown"
    assert b'"key": "CDISC' in seen["1 map: stdout"], "rows of a table with sealed rows are named by their key"
    assert seen["1 worker: stderr"].count(b"\n") >= 2, "the worker logs"
    assert len(seen["1 ledger"]) > 10_000
    assert all(seen[f"{name}: exit code"] == b"0" for name in ("init", "1 worker", "1 reconcile"))
    assert b"\nDM,dm.xpt,6," in seen["1 reconcile --csv"]
    assert b", form " in seen["1 queries: stdout"]
    assert b"CDISC" in seen["1 queries --show-values --csv"]
    assert {"1 plan: stdout", "1 plan --json: stdout"} <= set(seen)
    assert len([place for place in seen if place.startswith("1 trace ")]) > 30
    assert b"internal error" not in b"".join(seen.values())


@given(some_changes, seeds)
@settings(bounded, max_examples=50)
def test_no_change_of_the_arm_changes_a_body(study: Study, names: list[str], seed: int) -> None:
    found = study.rig.observe(changed(study.export, names, seed), seed=seed, send=False)
    assert_same({name: study.seen[name] for name in found}, found)


@given(some_changes, seeds)
@settings(bounded, max_examples=16)
def test_nor_a_request_nor_the_ledger(study: Study, names: list[str], seed: int) -> None:
    found = study.rig.observe(changed(study.export, names, seed), seed=seed)
    assert {"1 requests", "1 ledger", "1 sync: stdout"} <= set(found)
    assert_same({name: study.seen[name] for name in found}, found)


@pytest.mark.parametrize(
    "part", [("cells", "columns"), ("tables",), ("lab", "qualifiers"), ("findings", "drugs")], ids="-".join
)
def test_no_command_tells_of_it(study: Study, part: tuple[str, ...]) -> None:
    names = sorted(name for name in CHANGES if name.startswith(part))
    assert_same(study.seen, study.rig.observe(changed(study.export, names, 5), seed=5, whole=True))


@given(some_changes, seeds)
@settings(bounded, max_examples=2)
def test_nor_does_the_next_sync(study: Study, names: list[str], seed: int) -> None:
    """Over a ledger that has seen another export: a change of the arm alone is no change, and beside a change of
    something else it adds nothing."""
    export, later = study.export, edited(study.export)
    changes = (changed(export, names, seed), changed(export, names[::-1], seed + 1), changed(later, names, seed + 2))
    assert_same(study.seen_later, study.rig.observe(*changes))


def test_nothing_that_tells_the_arm_is_anywhere(study: Study) -> None:
    """Every sealed cell begins with a word that is then looked for in every byte, the ledger's free pages included."""
    assert sum(content.count(TOKEN.encode()) for content in files(study.export).values()) > 200
    seen = study.rig.observe(files(study.export), whole=True)
    for name, content in [*seen.items(), ("the project's folder", study.rig.raw_state())]:
        assert TOKEN.encode() not in content.upper(), name
    for test in (b"CHIMERI", b"HLACHIM", b"DONORDNA", b"KITNO"):
        assert not [name for name, content in seen.items() if test in content]


def assigned(export: Export, name: str, random: Random) -> Export:
    """The table of the protocol with a row per participant and their arm, drawn by lot, as many as it wants."""
    protocol, dm = export[name], export["dm.xpt"]
    assert isinstance(protocol, Domain)
    assert isinstance(dm, Domain)
    subjects = [dm.text(row, "USUBJID").encode() for row in dm.rows] * random.randrange(1, 4)
    rows = [
        protocol.with_cell(random.choice(protocol.rows), "ARMCD", random.choice((b"ARMTELL1", b"ARMTELL2")))
        for _ in subjects
    ]
    told = replace(protocol, rows=tuple(rows)).with_column(Column("USUBJID", 12), 2, subjects)
    return {**export, name: told}


@pytest.mark.parametrize("name", ["ta.xpt", "tv.xpt"])
def test_a_table_of_the_protocol_that_says_whose_arm_it_is_does_not_come_in(study: Study, name: str) -> None:
    one, other = (study.rig.observe(files(assigned(study.export, name, Random(seed))), whole=True) for seed in (1, 2))
    assert_same(one, other)
    table = name.removesuffix(".xpt").upper()
    for command in ("map", "sync"):
        assert one[f"1 {command}: exit code"] == b"3"
        assert (
            f"table {table}, column USUBJID: names participants".encode()
            in one[f"1 {command}: stdout"] + one[f"1 {command}: stderr"]
        )
    assert not any(b"ARMTELL" in content.upper() for content in one.values())
    assert b"ResearchStudy" not in one["1 requests"], "of half of its tables a study is not sent"


def test_who_did_not_consent_leaves_no_trace_in_the_requests(study: Study) -> None:
    seen, dm = study.seen, study.export["dm.xpt"]
    assert isinstance(dm, Domain)
    [row] = [row for row in dm.rows if dm.text(row, "USUBJID") == WITHOUT_CONSENT]
    without = {
        name: content.where(lambda row, domain=content: domain.text(row, "USUBJID") != WITHOUT_CONSENT)
        if isinstance(content, Domain) and "USUBJID" in content.names
        else content
        for name, content in study.export.items()
    }
    found = study.rig.observe(files(without))
    assert found["1 requests"] == seen["1 requests"], "as if they were not in the export"
    assert found["1 bodies"] == seen["1 bodies"]
    subject = dm.text(row, "SUBJID").encode()
    assert WITHOUT_CONSENT.encode() not in seen["1 requests"]
    assert b'"%b"' % subject not in seen["1 requests"]
    assert WITHOUT_CONSENT.encode() not in seen["1 worker: stderr"]


def test_the_whole_study(study: Study, shared: Path) -> None:
    export = read_export(shared / "data/sdtm-msg-18subjects")
    names = sorted(CHANGES)
    one, other = (study.rig.observe(changed(export, names[part::2], 11), seed=part) for part in (0, 1))
    assert len(bodies_sent(one["1 requests"])) > 5000
    assert_same(one, other)


def test_two_connections_send_the_same_bundles(study: Study) -> None:
    """In whatever order the threads come to it."""
    two = replace(study.rig, config=CONFIG.replace("connections = 1", "connections = 2\nentries = 20"), threads=True)
    one, other = (
        two.observe(changed(study.export, names, 3))["1 requests"].split(b"\n\n") for names in ([], sorted(CHANGES))
    )
    assert sum(b"Bundle" in request for request in one) > 8
    assert sorted(one) == sorted(other)

"""The example trial, blind: the pharmacy's list changes as it may, and no byte that leaves does.

Projects over the same export: the example as it ships, which does not know the list; one that names it, as a careless
copy of the unblinded config would; one whose REDCap arms are the treatments, told by every event's name; and one that
seals a form, a column and rows of the records themselves.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.blinding import LOTS, Files, Observed, Rig, assert_same, bodies_sent
from tests.support.sealedforms import CHANGES as CHANGES_OF_FORMS
from tests.support.sealedforms import ORDER, SEALED, telling
from tests.support.smallexample import PHARMACY, RECORDS, Table, config, example, read, small_example, written

pytestmark = pytest.mark.together

PACK = Path(__file__).parents[2] / "mappings/misle-redcap"
TOKEN = "ARMTELL"
NAMED = f'[source.tables]\npharmacy = "../{PHARMACY}"\n\n[study]'

bounded = settings(deadline=None, phases=[Phase.reuse, Phase.generate])
seeds = st.integers(0, 2**32)


def token(random: Random) -> str:
    return f"{TOKEN}{random.randrange(10**6)}"


def other_cells(table: Table, random: Random) -> Table:
    return [
        table[0],
        *([row[0], *(token(random) if random.random() < 0.6 else cell for cell in row[1:])] for row in table[1:]),
    ]


def other_rows(table: Table, random: Random) -> Table:
    rows = [row for row in table[1:] for _ in range(random.choice((0, 1, 1, 2)))]
    random.shuffle(rows)
    return [table[0], *rows]


def other_columns(table: Table, random: Random) -> Table:
    order = [i for i in range(len(table[0])) if random.random() < 0.7]
    random.shuffle(order)
    return [[*(row[i] for i in order), token(random)] for row in table]


def other_lots(table: Table, random: Random) -> Table:
    """Other lots, kits and donors, one of them a person's number: what an unblinded project would find fault with."""
    header, *rows = table
    places = [header.index(name) for name in ("lot", "kit", "donor_code")]
    for row in rows:
        for place in places:
            row[place] = random.choice((token(random), "123-45-6789", "", row[0]))
    return [header, *rows]


CHANGES: Mapping[str, Callable[[bytes, Random], bytes | None]] = {
    "cells": lambda text, random: written(other_cells(read(text), random)),
    "rows": lambda text, random: written(other_rows(read(text), random)),
    "columns": lambda text, random: written(other_columns(read(text), random)),
    "cut": lambda text, random: text[: random.randrange(len(text))],
    "noise": lambda text, random: text[: random.randrange(len(text))] + random.randbytes(300),
    "empty": lambda _text, _random: b"",
    "other encoding": lambda text, _random: text.decode().replace("synthetic", "künstlich").encode("cp1252"),
    "doubled": lambda text, _random: written([*read(text), *read(text)[1:]]),
    "no row": lambda text, _random: written(read(text)[:1]),
    "other lots": lambda text, random: written(other_lots(read(text), random)),
    "removed": lambda _text, _random: None,
}


def with_pharmacy(files: Files, name: str, seed: int) -> Files:
    text = CHANGES[name](files[PHARMACY], Random(seed))
    rest = {file: content for file, content in files.items() if file != PHARMACY}
    return rest if text is None else {**rest, PHARMACY: text}


def with_arms(files: Files, seed: int) -> Files:
    """Each participant's events in another arm of REDCap, of which each defines as many events that hold nothing."""
    random, (header, *rows) = Random(seed), read(files[RECORDS])
    arms = {row[0]: random.choice((1, 2, 3, 12)) for row in rows}
    at, untouched = header.index("redcap_event_name"), header.index("vitals_complete")
    table = [header]
    for row in rows:
        arm = arms[row[0]]
        row[at] = row[at].replace("_arm_1", f"_arm_{arm}")
        for number in range(arm if row[0] != table[-1][0] else 0):
            empty = {0: row[0], at: f"call_{number}_arm_{arm}", untouched: "0"}
            table.append([empty.get(i, "") for i in range(len(header))])
        table.append(row)
    return {**files, RECORDS: written(table)}


@pytest.fixture(scope="module")
def small() -> Files:
    return small_example()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    root = tmp_path_factory.mktemp("example")
    with contextlib.chdir(root):
        yield Rig(root, config(), "misle-redcap", "data/edc")


@pytest.fixture(scope="module")
def naming(rig: Rig) -> Rig:
    return replace(rig, config=rig.config.replace("[study]", NAMED, 1))


@pytest.fixture(scope="module")
def arms_are_treatments(rig: Rig) -> Rig:
    pack = rig.root / "pack"
    shutil.copytree(PACK, pack)
    text = (pack / "pack.yaml").read_text("utf-8")
    changed = text.replace('arms-are-treatments: "false"', 'arms-are-treatments: "true"')
    changed = changed.replace("  tables: [pharmacy]\n", '  tables: [pharmacy]\n  columns: {"*": [redcap_arm]}\n')
    assert changed.count("redcap_arm]") == 1
    assert '"true"' in changed
    (pack / "pack.yaml").write_text(changed, "utf-8")
    for path in pack.glob("*.yaml"):
        path.write_text(path.read_text("utf-8").replace("_arm_1", ""), "utf-8")
    return replace(rig, config=rig.config.replace('"misle-redcap"', '"../pack"', 1), pack="pack")


@pytest.fixture(scope="module")
def seen(rig: Rig, small: Files) -> Observed:
    return rig.observe(small, whole=True)


def test_there_is_something_to_see(seen: Observed) -> None:
    types = {str(body["resourceType"]) for body in bodies_sent(seen["1 requests"])}
    assert types >= {"Patient", "MedicationAdministration", "Observation", "Encounter", "Provenance"}
    assert b"internal error" not in b"".join(seen.values())
    assert seen["1 sync: exit code"] == b"0"
    assert seen["1 plan: exit code"] == b"0"
    traced = [place for place in seen if place.startswith("1 trace ") and place.endswith(": exit code")]
    refused = [place for place in traced if place.startswith(("1 trace --lot", "1 trace --subject"))]
    assert len(traced) > 10 + len(refused) > 10
    assert {seen[place] for place in traced if place not in refused} == {b"0"}
    assert {seen[place] for place in refused} == {b"2"}


@pytest.mark.parametrize("name", ["cells", "noise", "removed"])
def test_the_list_beside_the_export_is_not_looked_at(rig: Rig, small: Files, seen: Observed, name: str) -> None:
    found = rig.observe(with_pharmacy(small, name, 3), seed=3)
    assert_same({place: seen[place] for place in found}, found)


def test_no_command_looks_at_it(rig: Rig, small: Files, seen: Observed) -> None:
    assert_same(seen, rig.observe(with_pharmacy(small, "cells", 4), seed=4, whole=True))


@pytest.fixture(scope="module")
def seen_naming(naming: Rig, small: Files) -> Observed:
    return naming.observe(small, whole=True)


@pytest.mark.parametrize("name", ["cells", "doubled", "no row", "other lots", "removed"])
def test_nor_any_where_the_config_names_it(naming: Rig, small: Files, seen_naming: Observed, name: str) -> None:
    """Plan, verify, trace, reconcile and the others: not one byte of what they say, ask or keep."""
    assert_same(seen_naming, naming.observe(with_pharmacy(small, name, 6), seed=6, whole=True))


def test_the_chain_of_custody_is_refused_in_the_same_words_whatever_is_asked(seen_naming: Observed) -> None:
    asked = [name for name in seen_naming if name.startswith(("1 trace --lot", "1 trace --subject"))]
    assert len(asked) == 3 * 2 * (len(LOTS) + 1)
    for part, expected in (("exit code", b"2"), ("stdout", b"")):
        assert {seen_naming[name] for name in asked if name.endswith(part)} == {expected}
    [said] = {seen_naming[name] for name in asked if name.endswith("stderr")}
    assert said.startswith(b"fhir-msc: a lot tells the arm: a blind project has no chain of custody")


def test_what_is_asked_for_in_a_blind_project_has_answers(seen_naming: Observed) -> None:
    """The comparison above would hold of commands that fail."""
    names = ("before plan", "before plan --json", "after plan", "corrections", "audit verify", "study")
    assert [seen_naming[f"1 {name}: exit code"] for name in names] == [b"0"] * len(names)
    assert seen_naming["1 after verify: exit code"] == seen_naming["1 after verify --json: exit code"] == b"0"
    traced = {name: code for name, code in seen_naming.items() if name.startswith("1 trace ") and "code" in name}
    infusions = [name for name in traced if "MedicationAdministration/" in name or "infusion:" in name]
    assert len(infusions) >= 2
    plain = [name for name in traced if " --lot " not in name and " --subject " not in name]
    assert [name for name in plain if traced[name] != b"0"] == []
    assert b'"create"' in seen_naming["1 before plan.json"]


@dataclass(repr=False)
class Case:
    """A project, its export, and all that leaves of it."""

    rig: Rig
    files: Files
    seen: Observed


@pytest.fixture(scope="module")
def case_naming(naming: Rig, small: Files) -> Case:
    return Case(naming, small, naming.observe(small))


@given(st.sampled_from(sorted(CHANGES)), seeds)
@settings(bounded, max_examples=8)
def test_nor_where_the_config_names_it(case_naming: Case, name: str, seed: int) -> None:
    case = case_naming
    assert_same(case.seen, case.rig.observe(with_pharmacy(case.files, name, seed), seed=seed))


@pytest.fixture(scope="module")
def case_arms(arms_are_treatments: Rig, small: Files) -> Case:
    case = Case(arms_are_treatments, small, arms_are_treatments.observe(small))
    assert case.seen["1 sync: exit code"] == b"0"
    return case


@given(seeds)
@settings(bounded, max_examples=3)
def test_arms_of_redcap_that_are_treatments(case_arms: Case, seed: int) -> None:
    found = case_arms.rig.observe(with_arms(case_arms.files, seed), seed=seed)
    assert_same(case_arms.seen, found)
    assert not re.search(rb"_arm_\d", b"".join(found.values()))


def _sealing(rig: Rig, name: str, sealed: str) -> Rig:
    """A project that seals something of the records, which are declared to be UTF-8."""
    shutil.copytree(PACK, rig.root / name)
    head = rig.root / name / "pack.yaml"
    text = head.read_text("utf-8")
    own = "sealed:\n  tables: [pharmacy]\n"
    assert own in text
    head.write_text(text.replace(own, sealed), "utf-8")
    config = rig.config.replace('"misle-redcap"', f'"../{name}"', 1)
    return replace(rig, config=config.replace("[study]", '[source]\nencoding = "utf-8"\n\n[study]', 1), pack=name)


@pytest.fixture(scope="module")
def case_forms(rig: Rig, small: Files) -> Case:
    sealing, files = _sealing(rig, "sealing", SEALED), telling(small)
    return Case(sealing, files, sealing.observe(files, whole=True))


def test_a_row_beside_sealed_ones_is_named_by_its_key(case_forms: Case) -> None:
    seen = case_forms.seen
    assert {seen[f"1 {name}: exit code"] for name in ("map", "sync")} == {b"1"}
    for column in (b"vs_systolic", b"lab_alt", b"pain_nrs", b"ae_start"):
        assert column in seen["1 map: stdout"]
    assert b'"key": "SYN-' in seen["1 map: stdout"]
    assert not re.search(rb'"row": \d', seen["1 map: stdout"])


@pytest.mark.parametrize("name", CHANGES_OF_FORMS)
def test_what_is_sealed_of_the_records(case_forms: Case, name: str) -> None:
    for seed in (1, 2):
        files = CHANGES_OF_FORMS[name](case_forms.files, Random(seed))
        assert files != case_forms.files
        found = case_forms.rig.observe(files, seed=seed, whole=True)
        assert_same(case_forms.seen, found)
        for place, content in [*found.items(), ("the project's folder", case_forms.rig.raw_state())]:
            assert TOKEN.encode() not in content.upper(), place


def test_damage_of_a_sealed_cell_does_not_tell_whose_it_is(case_forms: Case) -> None:
    """A cell of a sealed column with a delimiter, of one participant or of another."""
    seen = []
    for at in (3, -2):
        table = read(case_forms.files[RECORDS])
        table[at].insert(table[0].index("vs_spo2"), TOKEN)
        files = {**case_forms.files, RECORDS: written(table)}
        seen.append(case_forms.rig.observe(files, seed=at % 7, whole=True))
    assert b"a row cannot be read" in seen[0]["1 map: stdout"] + seen[0]["1 map: stderr"]
    assert_same(*seen)


def test_an_order_that_is_not_told(rig: Rig, small: Files) -> None:
    sealing, files = _sealing(rig, "unordered", f'{SEALED}  unnumbered: ["*"]\n'), telling(small)
    seen = sealing.observe(files, whole=True)
    for seed in (1, 2):
        assert_same(seen, sealing.observe(ORDER(files, Random(seed)), seed=seed, whole=True))


def test_the_whole_example(naming: Rig) -> None:
    """As far as the bodies and the reports: what is sent is made of these."""
    one, other = (naming.observe(with_pharmacy(example(), name, 1), send=False) for name in ("rows", "cells"))
    assert one["1 bodies"].count(b"\n") > 20_000
    assert_same(one, other)


def test_nothing_of_the_list_is_anywhere(naming: Rig, small: Files) -> None:
    files = with_pharmacy(small, "cells", 9)
    assert files[PHARMACY].count(TOKEN.encode()) > 100
    found = naming.observe(files, whole=True)
    for name, content in [*found.items(), ("the project's folder", naming.raw_state())]:
        for word in (TOKEN, "SYN-KIT", "SYN-LOT", "SYN-DONOR"):
            assert word.encode() not in content, name

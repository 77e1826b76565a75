"""ODM and REDCap's XML, blind: what tells the arm changes as it may, and no byte that leaves does."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.support.blinding import Files, Observed, Rig, assert_same, bodies_sent
from tests.support.projects import new_project

pytestmark = [pytest.mark.shared, pytest.mark.together]

PACKS = Path(__file__).parents[1] / "packs"
TOKEN = "ARMTELL"
SUBJECT = re.compile(r"\t?<SubjectData .*?</SubjectData>\s*", re.S)
SEALED_GROUP = re.compile(r'<ItemGroupData ItemGroupOID="IG\.EC[^"]*".*?</ItemGroupData>', re.S)
VITAL_SIGNS = re.compile(r'(<ItemGroupData ItemGroupOID="IG.VS"[^>]*>)')
PULSE = '<ItemRef ItemOID="IT.PT_PULSE" OrderNumber="1" Mandatory="Yes"/>'
PULSE_WITH_UNIT = (
    '<ItemRef ItemOID="IT.PT_PULSE" OrderNumber="1" Mandatory="Yes" UnitsItemOID="IT.PT_PULSEU"/>'
    '<ItemRef ItemOID="IT.PT_PULSEU" OrderNumber="1" Mandatory="No"/>'
)
PULSE_DEFINED = '<ItemDef OID="IT.PT_PULSE" '
UNIT_DEFINED = '<ItemDef OID="IT.PT_PULSEU" Name="Unit" DataType="string"/>'
READS_THE_UNIT = """
  - preset: survey
    name: pulse-as-written
    code: question|PULSE|Pulse as written
    value: {from: IT.PT_PULSE, as: decimal, unit: {from: "IT.PT_PULSE:unit"}}
    when: {from: IT.VISITDTC, as: date}
"""
EVENT = re.compile(r"<StudyEventData ")
ADVERSE_EVENT = re.compile(r'(<ItemGroupData ItemGroupOID="IG\.AE\.AE_ARRAY1")')


def rig_of(root: Path, pack: str) -> Rig:
    """A blind project over ``data``, as ``init`` writes it."""
    shutil.copytree(PACKS / pack, root / "pack")
    project = new_project(root / "made", str(root / "pack"), root / "data", "http://fhir.test/r4")
    config = (project / "fhir-msc.toml").read_text("utf-8")
    config = re.sub(r"(?m)^namespace = .*$", 'namespace = "https://blind.example.org"', config)
    return Rig(root, re.sub(r"(?m)^identity = .*$", 'identity = "0123456789abcdef"', config), str(root / "pack"))


# REDCap: the arms are the treatments, and every event's name tells them.


@pytest.fixture(scope="module")
def redcap(shared: Path) -> Files:
    """Six participants of the export."""
    text = (shared / "data/redcap/RepeatingEventsExtended.REDCap.xml").read_text("utf-8")
    kept = iter(range(10**6))
    return {"project.xml": SUBJECT.sub(lambda found: found[0] if next(kept) < 6 else "", text).encode()}


def with_arms(files: Files, seed: int) -> Files:
    """Each participant's events in another arm, of which each defines as many events that hold nothing."""
    random = Random(seed)

    def moved(found: re.Match[str]) -> str:
        arm = random.choice((1, 2, 3))
        untouched = (
            f'<StudyEventData StudyEventOID="Event.call_{number}_arm_{arm}" StudyEventRepeatKey="1" '
            f'redcap:UniqueEventName="call_{number}_arm_{arm}"><FormData FormOID="Form.cardiovascular" '
            'FormRepeatKey="1"><ItemGroupData ItemGroupOID="cardiovascular.systolic1" ItemGroupRepeatKey="1">'
            '<ItemData ItemOID="cardiovascular_complete" Value="0"/></ItemGroupData></FormData></StudyEventData>'
            for number in range(arm)
        )
        subject, begins, rest = found[0].partition('redcap:RecordIdField="record_id">')
        return subject + begins + "".join(untouched) + re.sub(r"_arm_\d", f"_arm_{arm}", rest)

    return {name: SUBJECT.sub(moved, content.decode()).encode() for name, content in files.items()}


@pytest.fixture(scope="module")
def redcap_rig(tmp_path_factory: pytest.TempPathFactory, redcap: Files) -> Iterator[Rig]:
    root = tmp_path_factory.mktemp("redcap")
    (root / "data").mkdir()
    (root / "data/project.xml").write_bytes(redcap["project.xml"])
    with contextlib.chdir(root):
        yield rig_of(root, "repeating-events")


def test_arms_of_redcaps_xml(redcap_rig: Rig, redcap: Files) -> None:
    seen = redcap_rig.observe(with_arms(redcap, 0), seed=1, whole=True)
    assert {"Patient", "Observation"} <= {str(body["resourceType"]) for body in bodies_sent(seen["1 requests"])}
    assert b"internal error" not in b"".join(seen.values())
    for seed in (1, 2):
        found = redcap_rig.observe(with_arms(redcap, seed), seed=seed, whole=True)
        assert_same(seen, found)
        said = b"".join(found.values())
        assert not re.search(rb"_arm_\d|wfpb|lchf", said)


def test_arms_of_a_damaged_xml(redcap_rig: Rig, redcap: Files) -> None:
    cut = {name: content[: len(content) * 9 // 10] for name, content in redcap.items()}
    one, other = (redcap_rig.observe(with_arms(cut, seed), seed=seed, whole=True) for seed in (3, 4))
    assert one["1 sync: exit code"] != b"0"
    assert_same(one, other)


# REDCap's XML once more: a form is sealed, and records hold events and instances of it alone.


@pytest.fixture(scope="module")
def forms_rig(tmp_path_factory: pytest.TempPathFactory, redcap: Files) -> Iterator[Rig]:
    root = tmp_path_factory.mktemp("redcap-forms")
    (root / "data").mkdir()
    (root / "data/project.xml").write_bytes(redcap["project.xml"])
    with contextlib.chdir(root):
        rig = rig_of(root, "repeating-events")
        head = root / "pack/pack.yaml"
        text = head.read_text("utf-8")
        assert "sealed: {columns" in text
        head.write_text(text.replace("sealed: {columns", "sealed: {tables: [cardiovascular], columns"), "utf-8")
        yield rig


def with_sealed_forms(files: Files, random: Random) -> Files:
    """Events and instances of which nothing but the sealed form is filled, before all that a record holds."""

    def item(form: str, name: str, value: str, key: int) -> str:
        group = f'<ItemGroupData ItemGroupOID="{form}.{name}" ItemGroupRepeatKey="1">'
        filled = f'{group}<ItemData ItemOID="{name}" Value="{value}"/></ItemGroupData>'
        return f'<FormData FormOID="Form.{form}" FormRepeatKey="{key}">{filled}</FormData>'

    def changed(found: re.Match[str]) -> str:
        subject, begins, rest = found[0].partition('redcap:RecordIdField="record_id">')
        arm = re.search(r"_arm_\d", rest)
        assert arm is not None
        events = []
        for i in range(random.randrange(4)):
            event, key, form = random.choice((("visit", 50 + i, 1), ("home_visit", 1, 50 + i), ("baseline", 1, 1)))
            name = f"{event}{arm[0]}"
            where = f'StudyEventOID="Event.{name}" StudyEventRepeatKey="{key}" redcap:UniqueEventName="{name}"'
            held = item("cardiovascular", "systolic1", f"{TOKEN}{i}", form)
            events.append(f"<StudyEventData {where}>{held}</StudyEventData>")
        return f"{subject}{begins}{''.join(events)}{rest}"

    return {name: SUBJECT.sub(changed, content.decode()).encode() for name, content in files.items()}


def test_a_sealed_form_of_redcaps_xml(forms_rig: Rig, redcap: Files) -> None:
    seen = forms_rig.observe(redcap, whole=True)
    assert {"Patient", "Observation"} <= {str(body["resourceType"]) for body in bodies_sent(seen["1 requests"])}
    for seed in (1, 2):
        files = with_sealed_forms(redcap, Random(seed))
        assert files["project.xml"].count(TOKEN.encode()) > 3
        found = forms_rig.observe(files, seed=seed, whole=True)
        assert_same(seen, found)
        assert TOKEN.encode() not in b"".join([*found.values(), forms_rig.raw_state()])


# ODM: what was given is sealed as a table; rows of one kind of adverse event, and the pulse's unit, are sealed besides.


@pytest.fixture(scope="module")
def snapshot(shared: Path) -> Files:
    text = (shared / "data/odm/odm-data-snapshot.xml").read_text("utf-8")
    # A consent that covers what was collected.
    text = text.replace('"2022-02-19"', '"2022-01-01"')
    assert text.count(PULSE) == text.count(PULSE_DEFINED) == 1
    text = text.replace(PULSE, PULSE_WITH_UNIT).replace(PULSE_DEFINED, UNIT_DEFINED + PULSE_DEFINED)
    return {"study.xml": text.encode()}


@pytest.fixture(scope="module")
def odm_rig(tmp_path_factory: pytest.TempPathFactory, snapshot: Files) -> Iterator[Rig]:
    root = tmp_path_factory.mktemp("odm")
    (root / "data").mkdir()
    (root / "data/study.xml").write_bytes(snapshot["study.xml"])
    with contextlib.chdir(root):
        rig = rig_of(root, "virus")
        head = root / "pack/pack.yaml"
        text = head.read_text("utf-8")
        rows = '"IG.AE.AE_ARRAY1": {column: IT.AETERM, any: [CHIM*]}'
        more = f"tables: [pharmacy], columns: {{IG.VS: [IT.PT_PULSEU]}}, rows: {{{rows}}}"
        changed = text.replace("sealed: {open:", f"sealed: {{{more}, open:")
        assert changed != text
        head.write_text(changed, "utf-8")
        words = root / "pack/groups.yaml"
        text = words.read_text("utf-8")
        before = "  - preset: blood-pressure\n"
        assert before in text
        words.write_text(text.replace(before, f"{READS_THE_UNIT.lstrip(chr(10))}{before}", 1), "utf-8")
        yield replace(rig)


def _row(oid: str, items: Mapping[str, str], key: int) -> str:
    inner = "".join(f'<ItemData ItemOID="{item}" Value="{value}"/>' for item, value in items.items())
    return f'<ItemGroupData ItemGroupOID="{oid}" ItemGroupRepeatKey="{key}">{inner}</ItemGroupData>'


def other_cells(text: str, random: Random) -> str:
    def changed(found: re.Match[str]) -> str:
        return re.sub(r'Value="[^"]*"', lambda _: f'Value="{TOKEN}{random.random()}"', found[0])

    return SEALED_GROUP.sub(changed, text)


def other_rows(text: str, random: Random) -> str:
    def changed(found: re.Match[str]) -> str:
        more = {"IT.ECDOSE": f"{TOKEN}1", f"IT.{TOKEN}": "2"}
        return "".join(_row("IG.EC.EC_ARRAY1", more, 50 + i) for i in range(random.randrange(4))) + (
            _row(f"IG.EC.{TOKEN}", more, 1) if random.random() < 0.5 else found[0]
        )

    return SEALED_GROUP.sub(changed, text)


def sealed_adverse_events(text: str, random: Random) -> str:
    """Rows that are sealed by a cell, some with an item that no other row has and the metadata do not define."""

    def changed(found: re.Match[str]) -> str:
        more = {"IT.AETERM": f"CHIM{TOKEN}", "IT.AETOXGR": "3", f"IT.{TOKEN}{random.randrange(9)}": "x"}
        return "".join(_row("IG.AE.AE_ARRAY1", more, 90 + i) for i in range(random.randrange(3))) + found[0]

    return ADVERSE_EVENT.sub(changed, text)


def sealed_units(text: str, random: Random) -> str:
    """The unit that the pulse names in a sealed item, and rows that hold nothing else."""

    def changed(found: re.Match[str]) -> str:
        alone = "".join(_row("IG.VS", {"IT.PT_PULSEU": f"{TOKEN}3"}, 70 + i) for i in range(random.randrange(3)))
        return f'{alone}{found[0]}<ItemData ItemOID="IT.PT_PULSEU" Value="{TOKEN}4"/>'

    return VITAL_SIGNS.sub(changed, text)


def without_units(text: str, _random: Random) -> str:
    """Nothing says that the pulse has a unit."""
    return text.replace(PULSE_WITH_UNIT, PULSE).replace(UNIT_DEFINED, "")


def sealed_events(text: str, random: Random) -> str:
    """Events of which all forms are sealed, by the group or by a cell, or that hold nothing, before all others."""

    def event(key: int) -> str:
        held = random.choice(
            (
                _row("IG.EC", {"IT.ECDOSE": f"{TOKEN}1"}, 1),
                _row("IG.AE.AE_ARRAY1", {"IT.AETERM": f"CHIM{TOKEN}"}, 1),
                _row("IG.VS", {"IT.PT_PULSEU": f"{TOKEN}3"}, 1),
                "",
            )
        )
        where = f'StudyEventOID="SE.{TOKEN}" StudyEventRepeatKey="{key}"'
        of_vendor = f'xmlns:t="urn:t" t:{TOKEN}="1"' if random.random() < 0.5 else ""
        form = f'<FormData FormOID="F.{TOKEN}" FormRepeatKey="1">{held}</FormData>' if held else ""
        return f"<StudyEventData {where} {of_vendor}>{form}</StudyEventData>"

    def changed(found: re.Match[str]) -> str:
        return "".join(event(90 + i) for i in range(random.randrange(4))) + found[0]

    return EVENT.sub(changed, text)


def sealed_subjects(text: str, random: Random) -> str:
    """A SubjectData for each form that is sealed, as some systems write them, before that of the rest."""

    def changed(found: re.Match[str]) -> str:
        begins = found[0][: found[0].index(">") + 1]
        forms = (
            f'{begins}<StudyEventData StudyEventOID="SE.{TOKEN}">{_row("IG.EC", {"IT.ECDOSE": TOKEN}, i)}'
            "</StudyEventData></SubjectData>"
            for i in range(random.randrange(1, 4))
        )
        return "".join(forms) + found[0]

    return SUBJECT.sub(changed, text)


def without(text: str, _random: Random) -> str:
    return SEALED_GROUP.sub("", text)


CHANGES: Mapping[str, Callable[[str, Random], str]] = {
    "cells": other_cells,
    "rows": other_rows,
    "sealed rows": sealed_adverse_events,
    "sealed units": sealed_units,
    "without units": without_units,
    "sealed events": sealed_events,
    "sealed subjects": sealed_subjects,
    "removed": without,
}


@pytest.fixture(scope="module")
def seen(odm_rig: Rig, snapshot: Files) -> Observed:
    found = odm_rig.observe(snapshot, whole=True)
    assert {"Patient", "Observation"} <= {str(body["resourceType"]) for body in bodies_sent(found["1 requests"])}
    assert b"internal error" not in b"".join(found.values())
    assert b"sealed in a blind project" not in b"".join(found.values())
    assert b"Pulse as written" in found["1 requests"]
    return found


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_sealed_of_odm(odm_rig: Rig, snapshot: Files, seen: Observed, name: str) -> None:
    for seed in (1, 2):
        text = CHANGES[name](snapshot["study.xml"].decode(), Random(seed))
        assert text != snapshot["study.xml"].decode()
        found = odm_rig.observe({"study.xml": text.encode()}, seed=seed, whole=True)
        assert_same(seen, found)
        for place, content in [*found.items(), ("the project's folder", odm_rig.raw_state())]:
            assert TOKEN.encode() not in content, place
            assert b"IG.EC" not in content, place


@pytest.mark.parametrize("name", ["pharmacy.xml", "Pharmacy.XML", "pharmacy.xpt"])
def test_a_file_named_after_a_sealed_table(odm_rig: Rig, snapshot: Files, seen: Observed, name: str) -> None:
    for content in (snapshot["study.xml"], snapshot["study.xml"][:9000], b""):
        assert_same(seen, odm_rig.observe({**snapshot, name: content}, seed=1, whole=True))


def test_damage_does_not_tell_what_stands_before_it(odm_rig: Rig, snapshot: Files) -> None:
    whole = snapshot["study.xml"].decode()
    cut = whole[: whole.rindex("<StudyEventData")]
    one, other = (
        odm_rig.observe({"study.xml": sealed_adverse_events(other_rows(cut, Random(seed)), Random(seed)).encode()})
        for seed in (5, 6)
    )
    assert b"internal error" not in b"".join(one.values())
    assert_same(one, other)

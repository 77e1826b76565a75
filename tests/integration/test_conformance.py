"""``fhir_msc.testing``: what is right passes, and each check catches what it is there for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fhir_msc import AdverseEvent, Infusion, OwnBuilder, SourceOptions, Study, UsageError
from fhir_msc.release.blinding import SEALED_FIELDS
from fhir_msc.resources.identity import Identity
from fhir_msc.testing import Nonconformity, check_builder, check_pack
from fhir_msc.testing.samples import samples, telling
from fhir_msc.trial import Record
from tests.support.distributions import Installer
from tests.support.smallexample import RECORDS, small_example
from tests.support.tinystudy import tiny_study, write_study

HEAD = "pack: p\ntitle: P\nversion: '1'\nsource: csv\n"
SEALED = "sealed: {columns: {people: [arm]}}\n"
PEOPLE = """
table: people
participant: pid
required: [pid]
key: [pid]
participant-record: {sex: {from: sex, map: {F: female, M: male}}, birth-date: {from: born, as: DATE}, label: LABEL}
consent: {date: {from: signed, as: date}}
ignore: [arm, code, number]
EXAMPLES
"""
EXPORT = "pid,sex,born,signed,arm,code,number\nP-1,F,1951-03,2020-01-05,high,A,1\nP-2,M,1962-03,2020-01-06,low,B,2\n"
MINE = """
import random, time
from datetime import datetime, timezone

def chance(cell: str) -> str:
    return str(random.random())

def hashed(cell: str) -> str:
    return str(hash(cell))

def local(cell: str) -> str:
    return datetime.fromtimestamp(1600000000 + len(cell)).isoformat()
"""


def pack(folder: Path, head: str = SEALED, **words: str) -> Path:
    """A pack that is right, or with other words."""
    words = {"DATE": "date", "LABEL": "code", "EXAMPLES": "", **words}
    text = PEOPLE
    for word, written in words.items():
        text = text.replace(word, written)
    (folder / "pack").mkdir(exist_ok=True)
    (folder / "pack" / "pack.yaml").write_text(HEAD + head, "utf-8")
    (folder / "pack" / "people.yaml").write_text(text, "utf-8")
    return folder / "pack"


def export(folder: Path, text: str = EXPORT, name: str = "export") -> Path:
    (folder / name).mkdir()
    (folder / name / "people.csv").write_text(text, "utf-8")
    return folder / name


def caught(check: str, *arguments: object, **options: object) -> str:
    with pytest.raises(Nonconformity) as raised:
        check_pack(*arguments, **options)  # type: ignore[arg-type]
    assert raised.value.check == check, str(raised.value)
    return str(raised.value)


def test_a_pack_that_is_right(tmp_path: Path) -> None:
    check_pack(pack(tmp_path))
    other = export(tmp_path, EXPORT.replace("high", "none").replace("low", "high"), "other")
    check_pack(pack(tmp_path), export(tmp_path), tells_arm={"people": ["arm*"]}, same_but_arms=other)


def test_the_packs_that_ship(tmp_path: Path) -> None:
    for name, content in small_example().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    tables = {"pharmacy": "../pharmacy/misle_pharmacy_synthetic.csv"}
    edc = (tmp_path / RECORDS).parent
    check_pack("misle-redcap", edc, options=SourceOptions(tables=tables), known=["MSC-MAP-007"])
    check_pack("sdtm", write_study(tmp_path / "sdtm", tiny_study()), tells_arm={"DM": ["ARM"], "EC": ["ECDOSE"]})


def test_an_open_study(tmp_path: Path) -> None:
    open_study = Study("OPEN", "An open study", masking="none")
    check_pack(pack(tmp_path, head="", LABEL="arm"), export(tmp_path), study=open_study)


def test_words_that_do_not_hold(tmp_path: Path) -> None:
    assert "people.yaml:6" in caught("compiles", pack(tmp_path, DATE="date, form: x"))
    assert "there is no transform 'dat'" in caught("compiles", pack(tmp_path, DATE="dat"), export(tmp_path))
    caught("compiles", tmp_path / "nowhere")


def test_an_example_that_does_not_hold(tmp_path: Path) -> None:
    wrong = "examples: [{row: {pid: P-1, sex: F}, gives: {sex: male}}]"
    assert "MSC-PACK-001" in caught("examples", pack(tmp_path, EXAMPLES=wrong))


def test_a_cell_that_the_pack_does_not_know(tmp_path: Path) -> None:
    strange = export(tmp_path, EXPORT + "P-3,X,1970,2020-01-07,low,C,3\n")
    said = caught("fits", pack(tmp_path), strange)
    assert "MSC-MAP-002" in said
    assert "P-3" not in said
    check_pack(pack(tmp_path), strange, known=["MSC-MAP-002"])


def test_an_export_of_which_nothing_comes(tmp_path: Path) -> None:
    without = export(tmp_path, EXPORT.replace("2020-01-05", "").replace("2020-01-06", ""))
    caught("delivers", pack(tmp_path), without)


def test_a_body_that_is_not_right(tmp_path: Path) -> None:
    said = caught("valid", pack(tmp_path, DATE="text"), export(tmp_path, EXPORT.replace("1951-03", "about 1951")))
    assert "Patient.birthDate" in said
    assert "about" not in said


@pytest.mark.parametrize(
    ("transform", "why"), [("chance", "mapped twice"), ("hashed", "another process"), ("local", "another process")]
)
def test_a_transform_that_gives_something_else_each_time(
    installer: Installer, tmp_path: Path, transform: str, why: str
) -> None:
    installer.install("mine", MINE, transforms={transform: f"mine:{transform}"})
    label = f"{{from: code, as: {transform}}}"
    assert why in caught("deterministic", pack(tmp_path, LABEL=label), export(tmp_path))


def test_an_arm_that_nobody_sealed(tmp_path: Path) -> None:
    leaking = pack(tmp_path, head="sealed: {columns: {people: [number]}}\n", LABEL="arm")
    check_pack(leaking, export(tmp_path), tells_arm={})  # nobody said that it tells
    said = caught("blind", leaking, tmp_path / "export", tells_arm={"people": ["arm"]})
    assert "what tells the arm changed" in said
    assert "high" not in said


def test_a_pack_that_seals_nothing(tmp_path: Path) -> None:
    assert "seals nothing" in caught("blind", pack(tmp_path, head=""), export(tmp_path))


def test_a_column_that_follows_the_arm(tmp_path: Path) -> None:
    other = export(tmp_path, EXPORT.replace("high,A", "low,B").replace("low,B,2", "high,A,2"), "other")
    assert "the other export" in caught("blind", pack(tmp_path), export(tmp_path), same_but_arms=other)


def test_rows_that_are_there_for_one_arm(tmp_path: Path) -> None:
    """A seal of rows is no use where another table tells the same."""
    head = "sealed: {columns: {people: [arm]}, rows: {people: {column: arm, any: [low]}}}\n"
    check_pack(pack(tmp_path, head), export(tmp_path), tells_arm={"people": ["number"]})
    told = pack(tmp_path, head, LABEL="number")
    caught("blind", told, tmp_path / "export", tells_arm={"people": ["number"]})


def test_ids_that_hang_on_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hashlib import sha1

    def rid(_self: Identity, type: str, parts: object) -> str:
        return "p" + sha1(repr((type, parts)).encode(), usedforsecurity=False).hexdigest()

    monkeypatch.setattr(Identity, "rid", rid)
    assert "another secret" in caught("opaque", pack(tmp_path), export(tmp_path))


BUILDERS = """
import itertools
from datetime import date
from random import random
from pathlib import Path
from fhir_msc import AdverseEvent, Infusion, OwnBuilder, reference

COUNT, KEPT = itertools.count(), {}

def flag(record, links, context, told="told"):
    return {
        "resourceType": "Flag", "id": links.rid, "identifier": [context.sync_identifier(links.rid)],
        "status": "active", "code": {"text": str(told)}, "subject": reference("Patient", links.subject),
    }

def own(kind, told):
    return OwnBuilder(kind, lambda record, links, context: flag(record, links, context, told(record, links, context)))

def kept(record, links, context):
    place = (id(record), links.rid, context.blind, links.encounter)
    return KEPT.setdefault(place, flag(record, links, context))

def touched(record, links, context):
    object.__setattr__(record, "note" if hasattr(record, "note") else "term", "touched")
    return flag(record, links, context)

def odd(**elements):
    return OwnBuilder(AdverseEvent, lambda record, links, context: {**flag(record, links, context), **elements})

right = own(AdverseEvent, lambda record, links, context: record.term)
infused = own(Infusion, lambda record, links, context: record.status + ("" if context.blind else repr(record.dose)))
leaking = own(Infusion, lambda record, links, context: record.status + repr(record.lot))
chance = own(AdverseEvent, lambda *_: random())
counting = own(AdverseEvent, lambda *_: next(COUNT))
of_sets = own(AdverseEvent, lambda record, *_: list({record.term, *map(str, range(9))}))
today = own(AdverseEvent, lambda *_: f"seen on {date.today()}")
reading = own(AdverseEvent, lambda *_: len(Path(__file__).read_text()))
of_rows = own(AdverseEvent, lambda record, *_: record.origins[0].row)
keeping = OwnBuilder(AdverseEvent, kept)
touching = OwnBuilder(AdverseEvent, touched)
idle = OwnBuilder(AdverseEvent, lambda *_: None)
invalid = odd(status="on")
elsewhere = odd(subject={"reference": "Patient/p1"})
anonymous = odd(identifier=None)
"""


def refused(check: str, installer: Installer, name: str) -> str:
    installer.install("flags", BUILDERS, builders={"Flag": f"flags:{name}"})
    with pytest.raises(Nonconformity) as raised:
        check_builder("Flag")
    assert raised.value.check == check, str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("name", ["right", "infused"])
def test_a_builder_that_is_right(installer: Installer, name: str) -> None:
    installer.install("flags", BUILDERS, builders={"Flag": f"flags:{name}"})
    check_builder("Flag")


@pytest.mark.parametrize(
    ("check", "name", "why"),
    [
        ("loads", "nowhere", "does not load"),
        ("loads", "flag", "is no OwnBuilder"),
        ("body", "idle", "made of none of the records"),
        ("body", "elsewhere", "refers to a resource that is not there"),
        ("body", "anonymous", "cannot be found again"),
        ("valid", "invalid", "MSC-FHIR-BINDING at Flag.status"),
        ("clock", "today", "today's date"),
        ("deterministic", "of_sets", "another process"),
        ("pure", "keeping", "keeps its bodies"),
        ("pure", "touching", "changes the record"),
        ("pure", "reading", "reads or does something else: open"),
        ("lineage", "of_rows", "hangs on the row"),
        ("blind", "leaking", "a field that tells the arm changes the body"),
    ],
)
def test_a_builder_that_is_wrong(installer: Installer, check: str, name: str, why: str) -> None:
    assert why in refused(check, installer, name)


@pytest.mark.parametrize("name", ["chance", "counting"])
def test_a_builder_that_gives_something_else_each_time(installer: Installer, name: str) -> None:
    installer.install("flags", BUILDERS, builders={"Flag": f"flags:{name}"})
    with pytest.raises(Nonconformity) as raised:
        check_builder("Flag")
    assert raised.value.check in ("pure", "deterministic")


def test_a_builder_need_not_be_installed(installer: Installer) -> None:
    installer.install("flags", BUILDERS)
    import flags  # type: ignore[import-not-found]

    check_builder("Flag", flags.right, [replace(one, term="other words") for one in samples(AdverseEvent)])  # type: ignore[call-arg]
    with pytest.raises(Nonconformity, match="blind: "):
        check_builder("Flag", flags.leaking)
    with pytest.raises(UsageError, match="another class"):
        check_builder("Flag", flags.right, samples(Infusion))
    assert isinstance(flags.right, OwnBuilder)


def test_the_samples_tell_the_arm_by_every_sealed_field() -> None:
    for kind, names in SEALED_FIELDS.items():
        for record in samples(kind):
            one, other = telling(record)
            assert [name for name in names if getattr(one, name) == getattr(other, name)] == []
            assert [name for name in names if getattr(record, name) is not None] == []


def test_there_are_samples_of_every_record() -> None:
    kinds: Mapping[type[object], list[Record]] = {kind: samples(kind) for kind in Record.__args__}
    assert [kind for kind, found in kinds.items() if len(found) != 2] == []

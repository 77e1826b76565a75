"""The doors of a blind project: what may not be opened, and what may not come in."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fhir_msc.errors import BlindError
from fhir_msc.release.blinding import refuse_sealed
from fhir_msc.trial import CellProduct, Concept, Infusion, Participant, Quantity, Record
from tests.support.blinding import Recorder, Rig, command, dump, surroundings
from tests.support.smallexample import PHARMACY, config, read, small_example, written

PACK = Path(__file__).parents[2] / "mappings/misle-redcap"
SYNC = ("sync", "--project", "project")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with contextlib.chdir(tmp_path):
        yield Rig(tmp_path, config(), "misle-redcap", "data/edc")


def sync(rig: Rig) -> tuple[int, str, list[bytes]]:
    """Exit code, stderr and requests of a sync of what lies in the rig."""
    recorder = Recorder()
    with surroundings(recorder, rig.threads):
        seen = command("sync", *SYNC)
    return int(seen["sync: exit code"]), seen["sync: stderr"].decode(), recorder.requests


def ledger(rig: Rig) -> bytes:
    return dump(rig.root / "project/state/ledger.db")


def test_a_masked_study_whose_pack_seals_nothing_is_refused(rig: Rig) -> None:
    shutil.copytree(PACK, rig.root / "pack")
    head = rig.root / "pack/pack.yaml"
    text = head.read_text("utf-8")
    assert text.count("sealed:\n  tables: [pharmacy]\n") == 1
    head.write_text(text.replace("sealed:\n  tables: [pharmacy]\n", ""), "utf-8")
    rig = replace(rig, config=rig.config.replace('"misle-redcap"', '"../pack"', 1))
    rig.lay(small_example(), anew=True, seed=1)
    for name in ("map", "validate"):
        seen = command(name, name, "--project", "project")
        assert seen[f"{name}: exit code"] == b"2"
        assert b"the study is masked (double), but the pack misle-redcap seals nothing" in seen[f"{name}: stderr"]
    code, said, requests = sync(rig)
    assert (code, requests) == (2, [])
    assert "seals nothing" in said


@pytest.mark.parametrize("rows", [1, 0])
def test_a_pack_that_leaves_the_product_open_is_refused_whatever_the_list_holds(rig: Rig, rows: int) -> None:
    """Sealed cell by cell it is open: the first unit would end the run, and no unit would not."""
    shutil.copytree(PACK, rig.root / "pack")
    head = rig.root / "pack/pack.yaml"
    text = head.read_text("utf-8")
    assert text.count("  tables: [pharmacy]\n") == 1
    head.write_text(text.replace("  tables: [pharmacy]\n", "  columns: {demographics: [arm]}\n"), "utf-8")
    named = f'[source.tables]\npharmacy = "../{PHARMACY}"\n\n[study]'
    config = rig.config.replace('"misle-redcap"', '"../pack"', 1).replace("[study]", named, 1)
    rig = replace(rig, config=config)
    files = small_example()
    listed = read(files[PHARMACY])
    rig.lay({**files, PHARMACY: written([listed[0], *(listed[1:] * rows)])}, anew=True, seed=1)
    code, said, requests = sync(rig)
    assert (code, requests) == (2, [])
    assert said.startswith(
        "fhir-msc: the pack misle-redcap maps products or devices in a blind project, and does not seal pharmacy"
    )


@pytest.mark.parametrize(
    ("changed", "secret", "said"),
    [
        (("blind = true", "blind = false"), None, "belongs to a project that is blind, this one is unblinded"),
        (("misle-blind-store", "misle-other-store"), None, "another identity domain"),
        (("", ""), "fedcba9876543210" * 4, "another secret than the ledger's"),
    ],
)
def test_a_blind_ledger_opens_for_its_own_project_alone(
    rig: Rig, changed: tuple[str, str], secret: str | None, said: str
) -> None:
    rig.lay(small_example(), anew=True, seed=1)
    assert sync(rig)[0] == 0
    before = ledger(rig)
    (rig.root / "project/fhir-msc.toml").write_text(rig.config.replace(*changed), "utf-8")
    if secret is not None:
        (rig.root / "project/secret").write_text(secret, "ascii")
    code, words, requests = sync(rig)
    assert (code, requests) == (2, [])
    assert said in words
    assert ledger(rig) == before


def test_an_unblinded_ledger_does_not_open_for_a_blind_project(rig: Rig) -> None:
    named = f'[source.tables]\npharmacy = "../{PHARMACY}"\n\n[study]'
    unblinded = rig.config.replace("blind = true", "blind = false").replace("[study]", named, 1)
    rig = replace(rig, config=unblinded)
    files = small_example()
    listed = read(files[PHARMACY])
    own = written([listed[0], *(row for row in listed if row[0] == "SYN-05-004")])
    rig.lay({**files, PHARMACY: own}, anew=True, seed=1)
    code, _, requests = sync(rig)
    assert code == 0
    assert b"SYN-LOT-1C" in b"".join(requests), "the unblinded project says what was given"
    before = ledger(rig)
    (rig.root / "project/fhir-msc.toml").write_text(unblinded.replace("blind = false", "blind = true"), "utf-8")
    code, words, requests = sync(rig)
    assert (code, requests) == (2, [])
    assert "belongs to a project that is unblinded, this one is blind" in words
    assert "SYN-LOT" not in words
    assert ledger(rig) == before


INFUSION = Infusion(("Infusion", "EC", "S1"), "S1", (), "2020-01-02")
PERSON = Participant(("Participant", "DM", "S1"), "S1", ())
SEALED: list[tuple[Record, str]] = [
    (replace(PERSON, arm="HIGH"), "arm"),
    (replace(PERSON, actual_arm="HIGH"), "actual_arm"),
    (replace(INFUSION, end="2020-01-02T10:00:00Z"), "end"),
    (replace(INFUSION, product=Concept(text="HIGH")), "product"),
    (replace(INFUSION, dose=Quantity("5")), "dose"),
    (replace(INFUSION, volume=Quantity("100")), "volume"),
    (replace(INFUSION, dose_text="HIGH"), "dose_text"),
    (replace(INFUSION, lot="HIGH"), "lot"),
    (CellProduct(("CellProduct", "P", "S1"), "S1", (), lot="HIGH"), "cell product"),
]


@pytest.mark.parametrize(("record", "field"), SEALED, ids=[field for _, field in SEALED])
def test_a_record_made_by_hand_with_a_sealed_field_is_refused(record: Record, field: str) -> None:
    with pytest.raises(BlindError, match=field) as caught:
        refuse_sealed(record)
    assert "HIGH" not in str(caught.value)


def test_a_record_without_sealed_fields_passes() -> None:
    for record in (INFUSION, PERSON):
        refuse_sealed(record)


def test_a_process_of_its_own_tells_no_more(rig: Rig) -> None:
    """What comes out of the real command, warnings and all, whatever became of the pharmacy's list."""
    config_naming = rig.config.replace("[study]", f'[source.tables]\npharmacy = "../{PHARMACY}"\n\n[study]', 1)
    rig = replace(rig, config=config_naming)
    whole = small_example()
    without = {name: content for name, content in whole.items() if name != PHARMACY}
    seen = []
    for files in (whole, {**without, PHARMACY: b"\xff\x00"}):
        rig.lay(files, anew=True, seed=len(seen))
        program = "from fhir_msc.cli import main; main()"
        asked = [sys.executable, "-W", "always", "-c", program, "map", "--project", "project", "--show-values"]
        seen.append(subprocess.run(asked, capture_output=True, check=False))
    assert seen[0].returncode == seen[1].returncode == 0
    assert seen[0].stdout == seen[1].stdout != b""
    assert seen[0].stderr == seen[1].stderr

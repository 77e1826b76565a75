"""The comparison can fail: holes made on purpose, each of another kind, are all seen.

Every case opens one hole in the program, runs it on two exports that differ in nothing but what depends on the arm,
and says where the difference shows. Without a hole the same two runs are equal to the byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from fhir_msc import access, logs, oversight, pipeline
from fhir_msc.cli import scaffold
from fhir_msc.config import Project
from fhir_msc.desired import Account, Desired, making
from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import DesiredTable
from fhir_msc.errors import SourceError
from fhir_msc.findings import Finding, Severity
from fhir_msc.mapping import checking
from fhir_msc.mapping.table import TableMapper
from fhir_msc.resources import medication_administration
from fhir_msc.sources import FileFacts, Row, SealedSource, Source
from fhir_msc.target.client import FhirClient
from fhir_msc.target.families import Limits
from tests.support.armchanges import CHANGES, telling
from tests.support.blinding import Files, Rig, assert_same, differences, places
from tests.support.exports import Domain, Export, file_bytes
from tests.support.substudy import CONFIG, small_study

pytestmark = pytest.mark.shared

PACK = Path(__file__).parents[2] / "mappings/sdtm"
_SEALS = (PACK / "pack.yaml").read_text("utf-8").splitlines(keepends=True)
DRUGS = next(line for line in _SEALS if "column: CMTRT" in line)
Hole = Callable[[Rig], AbstractContextManager[Rig]]
Tell = Callable[[Source], int]
"""What the hole lets through: a number that depends on what is sealed."""


def telling_rows(source: Source) -> int:
    """How many rows the laboratory's file has, the sealed ones among them."""
    return sum(1 for _ in source.rows("LB", ()))


def size_of_exposure(_source: Source) -> int:
    """In bytes."""
    return sum(path.stat().st_size for path in Path("data").glob("ex*.xpt"))


def time_of_exposure(_source: Source) -> int:
    """When a sealed file was last written."""
    return max([int(path.stat().st_mtime) for path in Path("data").glob("s*.xpt")])


def damaged_tables(source: Source) -> int:
    """How many tables cannot be read, sealed ones too."""
    return sum(table.damage is not None for table in source.tables())


@dataclass
class Telling:
    """A table on its way to bodies that lets a number through."""

    table: DesiredTable
    told: int
    where: str

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def account(self) -> Account:
        if self.where == "account":
            self.table.account.outcomes["withheld", "sealed"] = self.told
        if self.where == "file":
            self.table.account.file = f"as of {self.told}"
        return self.table.account

    @property
    def findings(self) -> Sequence[Finding]:
        more = [Finding("MSC-X", Severity.INFORMATION, "rows are sealed", count=self.told)]
        return [*self.table.findings, *(more if self.where == "finding" else [])]

    def fingerprint(self) -> bytes:
        mark = str(self.told).encode() if self.where == "fingerprint" else b""
        return hashlib.sha256(self.table.fingerprint() + mark).digest()

    def stream(self) -> Iterator[list[Desired]]:
        for batch in self.table.stream():
            if self.where == "order":
                batch.sort(key=lambda one: hashlib.sha256(f"{one.rid}{self.told}".encode()).digest())
            yield batch


@dataclass(frozen=True)
class Tables:
    """A desired set of such tables."""

    of: Sequence[DesiredTable]
    frame: Frame

    def tables(self) -> Sequence[DesiredTable]:
        return self.of

    def lacking(self) -> Sequence[str]:
        return self.frame.lacking()


def tells(where: str, tell: Tell) -> Hole:
    """Something beside the bodies tells the number."""

    @contextlib.contextmanager
    def hole(rig: Rig) -> Iterator[Rig]:
        assemble = pipeline.assemble

        def leaky(source: Source, *others: Any) -> Tables:
            told = tell(source)
            if where == "log":
                logs.configure().info("source read", count=told)
            if where == "error" and told:
                raise SourceError(f"{told} tables cannot be read", file="data")
            whole = assemble(source, *others)
            return Tables([Telling(table, told, where) for table in whole.tables()], whole.frame)

        with patch.object(pipeline, "assemble", leaky):
            yield rig

    return hole


def unsealed(*lines: str, opened: str = "") -> Hole:
    """A pack in which what these lines seal is not sealed, and in which these tables too come in."""

    @contextlib.contextmanager
    def hole(rig: Rig) -> Iterator[Rig]:
        pack = rig.root / "pack"
        shutil.rmtree(pack, ignore_errors=True)
        shutil.copytree(PACK, pack)
        text = (pack / "pack.yaml").read_text("utf-8")
        for line in lines:
            assert text.count(line) == 1
            text = text.replace(line, "")
        assert text.count("  open: [") == 1
        text = text.replace("  open: [", f"  open: [{opened}")
        (pack / "pack.yaml").write_text(text, "utf-8")
        yield replace(rig, config=rig.config.replace('"sdtm"', '"../pack"'), pack="pack")

    return hole


@contextlib.contextmanager
def lot_in_the_text(rig: Rig) -> Iterator[Rig]:
    """Three doors open at once: the pack's, the refusal of sealed fields, and a builder that reads one."""
    product = medication_administration._blinded_product

    def leaky(record: Any, context: Any) -> dict[str, Any]:
        built = product(record, context)
        return {**built, "text": f"{built['text']} {record.lot or ''}"}

    with ExitStack() as stack:
        stack.enter_context(patch.object(making, "refuse_sealed", lambda _record: None))
        stack.enter_context(patch.object(medication_administration, "_blinded_product", leaky))
        yield stack.enter_context(unsealed("ECLOT, ")(rig))


@contextlib.contextmanager
def numbered(rig: Rig) -> Iterator[Rig]:
    """Rows beside sealed ones keep the numbers they have in the file."""
    made = TableMapper.__init__

    def numbering(mapper: TableMapper, **given: Any) -> None:
        made(mapper, **{**given, "numbered": True})

    with patch.object(SealedSource, "_unnumbered", _with_numbers), patch.object(TableMapper, "__init__", numbering):
        yield rig


@contextlib.contextmanager
def number_in_the_key(rig: Rig) -> Iterator[Rig]:
    """An id is made from the row's number."""
    rows = TableMapper.rows

    def leaky(mapper: TableMapper) -> Iterator[Row]:
        place = mapper.asked.index("LBCAT") if "LBCAT" in mapper.asked else None
        for number, cells in rows(mapper):
            if place is not None:
                cells = (*cells[:place], f"{cells[place]} {number}", *cells[place + 1 :])
            yield number, cells

    with patch.object(SealedSource, "_unnumbered", _with_numbers), patch.object(TableMapper, "rows", leaky):
        yield rig


def _with_numbers(source: SealedSource, table: str, columns: Sequence[str]) -> Iterator[Row]:
    seals = source._seals.row_seals(table)
    for number, values in source._source.rows(table, [*columns, *(seal.column for seal in seals)]):
        if not any(seal.drops(value) for seal, value in zip(seals, values[len(columns) :], strict=True)):
            yield number, values[: len(columns)]


@contextlib.contextmanager
def size_in_a_header(rig: Rig) -> Iterator[Rig]:
    """Every request carries the size of a sealed file."""

    def client(*given: Any, **options: Any) -> FhirClient:
        return FhirClient(*given, **options, headers={"X-Export": str(os.path.getsize("data/dm.xpt"))})

    with patch.object(access, "FhirClient", client):
        yield rig


@contextlib.contextmanager
def size_in_the_bundles(rig: Rig) -> Iterator[Rig]:
    """Where a bundle ends depends on the size of a file that holds sealed cells."""

    def limits(*_: Any, **_options: Any) -> Limits:
        return Limits("transaction", 11 + os.path.getsize("data/dm.xpt") // 80 % 17, 10**6)

    with patch.object(access, "limits", limits):
        yield rig


@contextlib.contextmanager
def unsealed_check(rig: Rig) -> Iterator[Rig]:
    """``mapping check`` looks behind the seals."""
    with patch.object(checking, "SealedSource", lambda source, _seals: source):
        yield rig


@contextlib.contextmanager
def files_behind_the_seals(rig: Rig) -> Iterator[Rig]:
    """``reconcile`` tells of whole files."""

    def leaky(project: Project, tables: Collection[str]) -> list[FileFacts]:
        source = project.open_source()
        return [source.facts(table.name) for table in source.tables() if table.name in tables]

    with patch.object(oversight, "files_read", leaky):
        yield rig


@contextlib.contextmanager
def arms_in_the_config(rig: Rig) -> Iterator[Rig]:
    """``init`` writes what stands behind the seals."""
    study = scaffold._study

    def leaky(pack: Any, source: Any, seals: Any) -> dict[str, str]:
        return {**study(pack, source, seals), "title": str(telling_rows(source._source))}

    with patch.object(scaffold, "_study", leaky):
        yield rig


HOLES: dict[str, tuple[Hole, set[str]]] = {
    "the lot in the text of an infusion": (lot_in_the_text, {"bodies", "requests", "ledger"}),
    "a seal of rows less": (
        unsealed("    LB: {column: LBTESTCD, any: [CHIM*, HLACHIM, DSA, DONORDNA, ANTIHLA, HLAAB*]}\n"),
        {"bodies", "requests", "map"},
    ),
    "a seal of a table less": (
        unsealed("    - PC          # concentrations of the product\n", opened="PC, "),
        {"map"},
    ),
    "an open domain that nobody knows": (unsealed(opened="ZZ, "), {"map", "bodies", "requests", "ledger"}),
    "a seal of the study's drug less": (
        unsealed(DRUGS),
        {"map", "bodies", "requests", "ledger"},
    ),
    "rows keep their numbers": (numbered, {"map", "ledger"}),
    "an id from the row's number": (number_in_the_key, {"bodies", "requests", "ledger"}),
    "a finding that counts sealed rows": (tells("finding", telling_rows), {"map"}),
    "an account of sealed rows": (tells("account", telling_rows), {"map", "sync", "ledger"}),
    "a file's time in a report": (tells("file", time_of_exposure), {"map"}),
    "a fingerprint of a sealed file": (tells("fingerprint", size_of_exposure), {"ledger"}),
    "an order that depends on sealed rows": (tells("order", telling_rows), {"ledger"}),
    "a log line with the number of rows": (tells("log", telling_rows), {"map", "sync"}),
    "an error about a sealed file": (tells("error", damaged_tables), {"map", "sync", "requests"}),
    "a size in a header": (size_in_a_header, {"requests"}),
    "a size in the bundles": (size_in_the_bundles, {"requests"}),
    "a check behind the seals": (unsealed_check, {"mapping check --json"}),
    "a config behind the seals": (arms_in_the_config, {"init's config"}),
    "whole files behind the seals": (files_behind_the_seals, {"reconcile", "reconcile --json", "reconcile --csv"}),
}
WHOLE = ("whole files behind the seals",)
OFFLINE = ("a check behind the seals", "a config behind the seals")
UNSENT = ("a seal of a table less", "a finding that counts sealed rows", "a file's time in a report")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    root = tmp_path_factory.mktemp("leaks")
    with contextlib.chdir(root):
        yield Rig(root, CONFIG, "sdtm")


@pytest.fixture(scope="module")
def pair(shared: Path) -> tuple[Files, Files]:
    """Two exports that differ in what depends on the arm, in every way there is."""
    one = telling(small_study(shared / "data/sdtm-msg-18subjects"), Random(1))
    other: Export = one
    for name in sorted(CHANGES):
        other = CHANGES[name](other, Random(2))
    for seed in (3, 4):
        for name in ("columns_added", "cells", "lab_tests_inserted", "drugs_inserted"):
            other = CHANGES[name](other, Random(seed))
    other = {**other, "pc.xpt": b"no table", "pp.xpt": b""}
    assert isinstance(one["pc.xpt"], Domain)
    return tuple({name: file_bytes(content) for name, content in export.items()} for export in (one, other))  # type: ignore[return-value]


@pytest.mark.parametrize("name", sorted(HOLES))
def test_a_hole_is_seen(rig: Rig, pair: tuple[Files, Files], name: str) -> None:
    hole, expected = HOLES[name]
    with hole(rig) as leaky:
        whole, send = name in (*OFFLINE, *WHOLE), name not in (*OFFLINE, *UNSENT)
        one, other = (leaky.observe(files, seed=i, whole=whole, send=send) for i, files in enumerate(pair))
    assert expected <= places(differences(one, other))


def test_without_a_hole_nothing_is_seen(rig: Rig, pair: tuple[Files, Files]) -> None:
    one, other = (rig.observe(files, seed=seed) for seed, files in enumerate(pair))
    assert_same(one, other)


def test_one_door_open_is_not_enough(rig: Rig, pair: tuple[Files, Files]) -> None:
    """A pack that forgets a seal: the record has a sealed field, the run ends, and nothing of it was sent."""
    with unsealed("ECLOT, ")(rig) as leaky:
        seen = leaky.observe(pair[0])
    for command in ("1 map", "1 sync"):
        assert seen[f"{command}: exit code"] == b"4"
        assert seen[f"{command}: stderr"].startswith(b"fhir-msc: Infusion.lot is sealed in a blind project")
        assert b"ARMTELL" not in seen[f"{command}: stderr"] + seen[f"{command}: stdout"]
    assert seen["1 requests"] == seen["1 bodies"] == b""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_msc.sync.ledger import Ledger
from tests.support.ledgers import IDENTITY, FakeTime, blank_ledger, copy_of


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blank_ledger(tmp_path_factory.mktemp("ledger"))


@pytest.fixture
def path(blank: Path, tmp_path: Path) -> Path:
    return copy_of(blank, tmp_path)


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path, IDENTITY, "store") as ledger:
        yield ledger

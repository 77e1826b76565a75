"""An integrator's distribution that is on the path more than once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_msc.errors import ConfigError
from fhir_msc.extensions import extensions
from tests.support.distributions import Installer, lay


@pytest.mark.parametrize("point", ["ward:flag", "ward:other"], ids=["the same", "another version"])
def test_the_first_counts_and_is_no_second_of_its_name(
    tmp_path: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """As one is that an editable installation leaves twice: with its source, and among what is installed."""
    installer.install("ward", "", builders={"flag": "ward:flag"})
    lay(tmp_path / "before", "ward", "", "2.0", {"builders": {"flag": point}})
    monkeypatch.syspath_prepend(tmp_path / "before")
    found = extensions("fhir_msc.builders", (), ConfigError)
    assert [one.entry.value for one in found.values()] == [point]

"""A real SDTM study into a real HAPI FHIR server: every row accounted for, nothing sent twice, changes one by one.

The expected counts come from ``tests/support/expected_sdtm.py``, which knows nothing of fhir_msc.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.target.client import FhirClient
from tests.support import expected_sdtm
from tests.support.hapi import HapiServer
from tests.support.projects import configure, fhir_msc, namespace_of, new_project
from tests.support.xpt_edit import RawXpt

pytestmark = [pytest.mark.hapi, pytest.mark.shared]

ZONE = ("--zone", "America/New_York")
INDEXED = (
    *("Patient", "ResearchSubject", "Consent", "Encounter", "MedicationAdministration", "Observation", "Condition"),
    *("MedicationStatement", "DiagnosticReport"),
)


@dataclass(frozen=True)
class Synced:
    """A blind project after its first sync: what that said, and what the server then held."""

    project: Path
    export: Path
    first: dict[str, Any]
    stored: dict[str, int]


@pytest.fixture(scope="module")
def blind(hapi: HapiServer, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Synced:
    """The whole study is sent to this server once, for all tests; one of them goes on from there."""
    folder = tmp_path_factory.mktemp("blind")
    export = copied(shared, folder)
    project = new_project(folder / "project", "sdtm", export, hapi.base_url, *ZONE)
    first = sync(project)
    return Synced(project, export, first, stored(project, hapi.base_url))


def copied(shared: Path, folder: Path) -> Path:
    """A copy of the study's XPT files that a test may change."""
    export = folder / "export"
    export.mkdir()
    for path in (shared / "data" / "sdtm-msg-18subjects").glob("*.xpt"):
        shutil.copy(path, export)
    return export


def stored(project: Path, url: str) -> dict[str, int]:
    """Our resources on the server by type. R4 cannot search AdverseEvent by identifier: they are found by study."""
    system = f"{namespace_of(project)}/id/sync|"
    with FhirClient(url) as client:
        counts = {name: client.count(name, {"identifier": system}) for name in INDEXED}
        studies = [one.resource.id for one in client.search("ResearchStudy", {"identifier": system, "_count": "100"})]
        events = {"study": ",".join(f"ResearchStudy/{study}" for study in studies)}
        return {**counts, "AdverseEvent": client.count("AdverseEvent", events)}


def sync(project: Path, code: int = 0) -> dict[str, Any]:
    """One sync, its document."""
    outcome = fhir_msc("sync", "--project", project, "--json")
    assert outcome.code == code, outcome.out + outcome.err
    document: dict[str, Any] = outcome.document
    return document


def assert_accounted(document: dict[str, Any], rows: dict[str, int]) -> dict[str, dict[str, Any]]:
    """Every row of every table ends as exactly one thing. Gives the tables by name."""
    tables = {table["table"]: table for table in document["tables"]}
    outcomes = ("delivered", "merged", "held", "rejected", "withheld", "not-mapped")
    for name, table in tables.items():
        assert table["rows"] == sum(table[outcome] for outcome in outcomes), name
        assert table["rejected"] == 0, name
    assert {name: table["rows"] for name, table in tables.items() if name in rows} == {
        name: count for name, count in rows.items() if name in tables
    }
    return tables


def writes(document: dict[str, Any]) -> tuple[int, int]:
    """Created and updated."""
    delivery = document["delivery"]
    return (0, 0) if delivery is None else (delivery["created"], delivery["updated"])


def test_the_study_arrives_whole(validating_url: str, shared: Path, tmp_path: Path) -> None:
    raw, url, study = shared / "data" / "sdtm-msg-18subjects", validating_url, copied(shared, tmp_path)
    project = new_project(tmp_path / "project", "sdtm", study, url, *ZONE, "--unblinded")
    shutil.copy(raw / "ft.json", study)
    configure(project, r'^format = "xpt"$', 'format = "xpt"\ntables = {FT = "ft.json"}')

    first = sync(project)

    functional = len(expected_sdtm.rows_of_functional_tests(raw))
    counts = {**expected_sdtm.row_counts(raw), "FT": functional}
    assert sum(counts.values()) == expected_sdtm.ALL_ROWS
    tables = assert_accounted(first, counts)
    assert set(tables) - {"study"} == set(counts)
    assert stored(project, url) == expected_sdtm.resources(raw, functional_tests=True)
    held = expected_sdtm.held_lab_rows(raw)
    assert tables["LB"]["held"] == sum(held.values()) == 148
    left = {name for name, table in tables.items() if table["not-mapped"]}
    assert left == {*expected_sdtm.NOTHING_IS_MADE_OF, "TS", "RELREC"}
    assert tables["RELREC"]["not-mapped"] == expected_sdtm.joins(raw)["other"]
    assert tables["TS"]["not-mapped"] == expected_sdtm.left_of_summary(raw)
    assert tables["EX"]["merged"] == tables["EX"]["rows"] == 1583
    named = [one for one in first["findings"] if one["rule"] == "MSC-CONSENT-002"]
    assert sorted(one["count"] for one in named) == sorted(held.values())
    assert all(origin["row"] for one in named for origin in one["origins"])
    assert infusions(project, url) == expected_sdtm.infusions(raw)

    assert writes(sync(project)) == (0, 0)

    configure(project, r"^covers_days_before = 0$", "covers_days_before = 6")
    covered = sync(project)
    reported = expected_sdtm.reports(raw, covered=True) - expected_sdtm.reports(raw)
    assert writes(covered) == (148 + reported, 0)
    assert stored(project, url) == expected_sdtm.resources(raw, covered=True, functional_tests=True)
    assert writes(sync(project)) == (0, 0)


def infusions(project: Path, url: str) -> Counter[str]:
    """Our infusions on the server by status; those not done have the reason of SUPPEC."""
    statuses: Counter[str] = Counter()
    params = {"identifier": f"{namespace_of(project)}/id/sync|", "_count": "500"}
    with FhirClient(url) as client:
        for entry in client.search("MedicationAdministration", params):
            content: Any = entry.resource.content
            statuses[content["status"]] += 1
            if content["status"] == "not-done":
                assert content["statusReason"][0]["text"] == "INVESTIGATOR DECISION"
    return statuses


def test_a_blind_project_carries_the_same_rows(blind: Synced, shared: Path) -> None:
    raw = shared / "data" / "sdtm-msg-18subjects"
    tables = assert_accounted(blind.first, expected_sdtm.row_counts(raw))
    assert blind.stored == expected_sdtm.resources(raw)
    assert not {"EX", "SE"} & set(tables)


def test_changes_travel_one_by_one(hapi: HapiServer, blind: Synced) -> None:
    project, study, before = blind.project, blind.export, blind.stored
    laboratory = RawXpt.read(study / "lb.xpt")

    # One changed result is exactly one update, version 2 on the server, its history holding both.
    row = next(i for i, one in enumerate(laboratory.records) if laboratory.text(one, "LBORRES") == "3.9")
    laboratory.records[row] = laboratory.with_text(laboratory.records[row], "LBORRES", "3.90")
    laboratory.write(study / "lb.xpt")
    changed = sync(project)
    assert writes(changed) == (0, 1)
    system = f"{namespace_of(project)}/id/sync|"
    with FhirClient(hapi.base_url) as client:
        twice = [
            entry.resource
            for entry in client.search("Observation", {"identifier": system, "_count": "1000"})
            if entry.resource.version == "2"
        ]
        assert len(twice) == 1
        versions = client.history("Observation", twice[0].id)
        history: list[Any] = [one.resource.content for one in versions if one.resource]
    assert [str(one["valueQuantity"]["value"]) for one in history] == ["3.90", "3.9"]

    # An early row inserted and everything renumbered is one create, and its report names it too.
    early = laboratory.with_text(laboratory.records[0], "LBTESTCD", "NEWTEST")
    laboratory.records.insert(0, early)
    laboratory.records = [
        laboratory.with_integer(one, "LBSEQ", number) for number, one in enumerate(laboratory.records, 1)
    ]
    laboratory.write(study / "lb.xpt")
    assert writes(sync(project)) == (1, 1)
    assert stored(project, hapi.base_url) == {**before, "Observation": before["Observation"] + 1}
    assert writes(sync(project)) == (0, 0)

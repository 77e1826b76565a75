"""The cell product in an unblinded project: donor → lot → unit → infusion → participant and back; blind, none of it.

What is expected is read out of the pharmacy's list itself.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.sandbox import SandboxServer
from fhir_msc.target.client import FhirClient, Resource
from tests.support.projects import configure, fhir_msc, namespace_of, new_project
from tests.support.serverview import ServerView
from tests.support.smallexample import PHARMACY, RECORDS, example, read, written

pytestmark = pytest.mark.together

EVENTS = ("screening_arm_1", "baseline_arm_1")
KEPT = ("SYN-03-009", "SYN-05-009", "SYN-08-008", "SYN-01-001", "SYN-06-005", "SYN-05-003", "SYN-09-006", "SYN-07-006")
"""Two lots of cells, one of vehicle, and one who was not infused."""

Rows = list[dict[str, str]]


def laid(folder: Path) -> Path:
    """The example's files with these participants alone."""
    for name, content in example().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table = read(content)
        if name == RECORDS:
            event = table[0].index("redcap_event_name")
            table = [table[0], *(row for row in table if row[0] in KEPT and row[event] in EVENTS)]
        if name == PHARMACY:
            table = [table[0], *(row for row in table if row[0] in KEPT)]
        path.write_bytes(written(table))
    return folder / "edc"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SandboxServer() as server:
        yield server.base_url


def project(folder: Path, url: str) -> Path:
    made = new_project(folder / "project", "misle-redcap", laid(folder), url, "--zone", "America/New_York")
    configure(made, r"^# ?blind = .*$|^blind = true$", "blind = false")
    configure(made, r"^\[study\]$", f'[source.tables]\npharmacy = "../{PHARMACY}"\n\n[study]')
    return made


@pytest.fixture(scope="module")
def unblinded(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = project(tmp_path_factory.mktemp("unblinded"), url)
    outcome = fhir_msc("sync", "--project", made, "--json")
    assert outcome.code == 0, outcome.out + outcome.err
    return made


@pytest.fixture(scope="module")
def listed(unblinded: Path) -> Rows:
    return list(csv.DictReader(io.StringIO((unblinded.parent / PHARMACY).read_text("utf-8"))))


@pytest.fixture(scope="module")
def held(unblinded: Path, url: str) -> dict[str, dict[str, Any]]:
    with ServerView(url) as view:
        return {place: json.loads(text) for place, text in view.everything().items()}


def of(held: dict[str, dict[str, Any]], type: str) -> list[dict[str, Any]]:
    return [body for place, body in held.items() if place.startswith(f"{type}/")]


def value(body: dict[str, Any], system: str) -> str | None:
    return next((one["value"] for one in body["identifier"] if one["system"].endswith(f"/id/{system}")), None)


def test_every_unit_of_cells_is_on_the_server(held: dict[str, dict[str, Any]], listed: Rows) -> None:
    units = {value(body, "kit"): body for body in of(held, "BiologicallyDerivedProduct")}
    cells = {row["kit"]: row for row in listed if row["donor_code"]}
    assert units.keys() == cells.keys()
    assert 0 < len(cells) < len(listed)
    for kit, row in cells.items():
        unit = units[kit]
        assert unit["productCategory"] == "cells"
        assert value(unit, "lot") == row["lot"]
        assert unit["collection"]["source"]["identifier"]["value"] == row["donor_code"]
        assert unit["collection"]["collectedDateTime"] == row["collected"]
        steps = [one["description"] for one in unit["processing"]]
        assert steps == [row["isolation"], row["expansion"], row["cryopreservation"]]
        assert unit["processing"][-1]["timeDateTime"] == row["processed"]
        assert unit["manipulation"]["timeDateTime"].startswith(row["thaw_time"].replace(" ", "T"))
        assert unit["storage"] == [{"temperature": -150, "scale": "celsius"}]
        said = {one["url"].rpartition("/")[2]: one for one in unit["extension"]}
        assert said["cell-passage"]["valueInteger"] == int(row["passage"])
        assert said["product-expiry"]["valueDateTime"] == row["expiry"]
        assert str(said["cell-count"]["valueQuantity"]["value"]).endswith(row["cells_e6"])
        assert str(said["cell-viability"]["valueQuantity"]["value"]).endswith(row["viability_pct"])
        assert value(unit, "sync") == unit["id"]


@pytest.mark.hapi
def test_a_server_that_validates_takes_all_of_it_once(validating_url: str, tmp_path: Path) -> None:
    """HAPI refuses what HL7's engine calls an error; what it took is read back, and nothing is sent again."""
    made = project(tmp_path, validating_url)
    first = fhir_msc("sync", "--project", made, "--json")
    assert first.code == 0, first.out + first.err
    read_back = fhir_msc("verify", "--project", made, "--json")
    assert read_back.code == 0, read_back.out + read_back.err
    units = fhir_msc("trace", "--lot", "SYN-LOT-1B", "--project", made, "--json").document["edges"]
    key = next(one["to"]["key"] for one in units if one["to"]["kind"] == "unit")
    with FhirClient(validating_url) as client:
        found = client.read("BiologicallyDerivedProduct", key)
    assert isinstance(found, Resource)
    assert value(found.content, "lot") == "SYN-LOT-1B"
    again = fhir_msc("sync", "--project", made, "--json").document
    assert again["delivery"] is None, "there is nothing to send"


def test_every_infusion_names_its_dose_its_lot_and_its_unit(held: dict[str, dict[str, Any]], listed: Rows) -> None:
    units = {f"BiologicallyDerivedProduct/{body['id']}": body for body in of(held, "BiologicallyDerivedProduct")}
    persons = {body["individual"]["reference"]: value(body, "subject") for body in of(held, "ResearchSubject")}
    rows = {row["record_id"]: row for row in listed}
    infusions = of(held, "MedicationAdministration")
    assert len(infusions) == len(rows)
    for body in infusions:
        row = rows[persons[body["subject"]["reference"]] or ""]
        assert body["contained"][0]["batch"]["lotNumber"] == row["lot"]
        dose = body["dosage"]["dose"]
        assert (dose["code"], dose["unit"]) == ("10*6/kg", "10*6 cells/kg")
        assert str(dose["value"]).endswith(row["cells_e6_per_kg"])
        assert body["dosage"]["text"] == f"Volume {row['volume_ml']} mL"
        named = [value(units[one["reference"]], "kit") for one in body.get("supportingInformation", [])]
        assert named == ([row["kit"]] if row["donor_code"] else [])
    arms = {persons[body["individual"]["reference"]]: body["assignedArm"] for body in of(held, "ResearchSubject")}
    assert arms == {record: row["arm"] for record, row in rows.items()}


def test_the_rows_of_the_list_are_accounted_for(unblinded: Path, listed: Rows) -> None:
    document = fhir_msc("map", "--project", unblinded, "--json").document
    (table,) = [one for one in document["tables"] if one["table"] == "pharmacy"]
    cells = sum(bool(row["donor_code"]) for row in listed)
    assert table["rows"] == len(listed)
    counted = Counter({"delivered": cells, "not-mapped": len(listed) - cells})
    assert {name: table[name] for name in counted} == counted


def edges(folder: Path, *arguments: str) -> set[str]:
    document = fhir_msc("trace", *arguments, "--project", folder, "--json", "--show-values").document
    return {json.dumps(edge, sort_keys=True) for edge in document["edges"]}


def codes(found: set[str], kind: str) -> set[str]:
    ends = [end for edge in found for end in json.loads(edge).values()]
    return {end.get("code") or end.get("subject") or end["key"] for end in ends if end["kind"] == kind}


def test_from_a_lot_to_whom_it_was_given_and_back(unblinded: Path, listed: Rows) -> None:
    by_lot = {lot: edges(unblinded, "--lot", lot) for lot in {row["lot"] for row in listed}}
    by_subject = {row["record_id"]: edges(unblinded, "--subject", row["record_id"]) for row in listed}
    for row in listed:
        lot, subject = by_lot[row["lot"]], by_subject[row["record_id"]]
        assert codes(lot, "participant") == {one["record_id"] for one in listed if one["lot"] == row["lot"]}
        assert codes(lot, "donor") == codes(subject, "donor") == {row["donor_code"]} - {""}
        assert codes(subject, "lot") == {row["lot"]}
        assert subject <= lot, "one lot each: all that leads to a participant leads from the lot"
    for lot, found in by_lot.items():
        assert found == set().union(*(by_subject[row["record_id"]] for row in listed if row["lot"] == lot))


def test_people_see_keys_and_subjects_only_when_asked(unblinded: Path, listed: Rows) -> None:
    row = next(row for row in listed if row["donor_code"])
    plain = fhir_msc("trace", "--lot", row["lot"], "--project", unblinded)
    assert plain.code == 0, plain.err
    assert f"donor {row['donor_code']} → lot {row['lot']}" in plain.out
    assert re.search(r"MedicationAdministration/m[0-9a-f]{40} → Patient/p[0-9a-f]{40}$", plain.out, re.M)
    assert row["record_id"] not in plain.out
    told = fhir_msc("trace", "--lot", row["lot"], "--project", unblinded, "--show-values")
    assert f"({row['record_id']})" in told.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lot", "SYN-LOT-9Z"], "no infusion of this lot"),
        (["--subject", "SYN-99-999"], "no infusion of this participant"),
        (["--lot", "SYN-LOT-1B", "--subject", "SYN-01-001"], "one thing at a time"),
        ([], "one thing at a time"),
    ],
)
def test_what_is_not_there(arguments: list[str], said: str, unblinded: Path) -> None:
    outcome = fhir_msc("trace", *arguments, "--project", unblinded)
    assert outcome.code == 2
    assert said in outcome.err
    assert "SYN-" not in outcome.err


@pytest.mark.parametrize("arguments", [("--lot", "SYN-LOT-1B"), ("--subject", "SYN-05-009"), ("--lot", "nothing")])
def test_a_blind_project_refuses_whatever_is_asked(arguments: tuple[str, str], url: str, tmp_path: Path) -> None:
    made = project(tmp_path, url)
    configure(made, "^blind = false$", "blind = true")
    outcomes = [fhir_msc("trace", *arguments, "--project", made)]
    assert fhir_msc("sync", "--project", made, "--json").code == 0
    outcomes.append(fhir_msc("trace", *arguments, "--project", made))
    for outcome in outcomes:
        assert outcome.code == 2
        assert outcome.out == ""
        assert outcome.err.startswith("fhir-msc: a lot tells the arm: a blind project has no chain of custody")
    base = namespace_of(made)
    with ServerView(url) as view:
        mine = {place: text for place, text in view.everything().items() if base in text}
    assert mine
    assert not [place for place in mine if place.startswith("BiologicallyDerivedProduct/")]
    assert not [text for text in mine.values() if "SYN-LOT" in text or "supportingInformation" in text]


def test_a_lot_that_tells_a_person_costs_the_unit_and_the_infusion(url: str, tmp_path: Path) -> None:
    made = project(tmp_path, url)
    path = tmp_path / PHARMACY
    table = read(path.read_bytes())
    lot, record = table[0].index("lot"), table[1][0]
    table[1][lot] = "LOT 123-45-6789"
    path.write_bytes(written(table))
    outcome = fhir_msc("map", "--project", made, "--json")
    found = [one for one in outcome.document["findings"] if one["rule"] == "MSC-PHI-002"]
    assert outcome.code == 1
    assert sorted(one["origins"][0]["table"] for one in found) == ["infusion", "pharmacy"]
    assert all("social security" in one["message"] and one["hint"] for one in found)
    assert "123-45-6789" not in outcome.out + outcome.err
    assert record not in outcome.err
    assert "123-45-6789" in fhir_msc("map", "--project", made, "--json", "--show-values").out

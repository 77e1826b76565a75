"""``study import``, ``study``, ``terminology export``: from a registry's record to what HL7's engine takes."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.desired.frame import body_maker
from fhir_msc.desired.policy import Policy
from fhir_msc.desired.protocol import protocol
from fhir_msc.resources.identity import Identity
from fhir_msc.sources.registry import read_registry_record
from fhir_msc.trial import Study
from tests.support.engine import Hl7Engine
from tests.support.projects import fhir_msc, new_project
from tests.support.tinystudy import tiny_study, write_study

EXAMPLES = "reference/trials/examples"
RECORDS = ("NCT02210780_ctg_v2.json", "NCT02513394_ctg_v2_no_results.json", "NCT02552212_ctg_v2.json")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    export = write_study(tmp_path / "export", tiny_study())
    return new_project(tmp_path / "project", "sdtm", export, "http://127.0.0.1:9/fhir")


def bodies(study: Study) -> list[tuple[str, bytes]]:
    """What a study becomes, and that our own checks find nothing."""
    policy = Policy(study, "https://trial.example.org", True, "domain")
    identity = Identity(b"secret", "domain")
    made = body_maker(policy, identity)
    found = [(part.type, made.make(part.record, part.links)) for part in protocol(study, study.sites, identity)]
    assert [(type, body.findings) for type, body in found if body.findings] == []
    return [(type, body.content) for type, body in found]


@pytest.mark.hapi
@pytest.mark.shared
@pytest.mark.parametrize("name", RECORDS)
def test_a_real_record_passes_hl7s_engine(hl7_engine: Hl7Engine, shared: Path, name: str) -> None:
    study = read_registry_record(shared / EXAMPLES / name).study
    found = bodies(study)
    counts = Counter(type for type, _ in found)
    assert counts["Location"] == len(study.sites) > 40
    assert (counts["Group"], counts["Practitioner"]) == (1, len(study.investigators))
    # The sites of a record are of one form: some of them will do.
    seen: Counter[str] = Counter()
    for type, content in found:
        seen[type] += 1
        if seen[type] <= 12:
            assert hl7_engine.errors(content) == [], type


@pytest.mark.shared
@pytest.mark.parametrize("name", RECORDS)
def test_what_is_imported_is_a_config(shared: Path, project: Path, name: str) -> None:
    outcome = fhir_msc("study", "import", shared / EXAMPLES / name)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith(f"# {name[:11]}, imported")
    config = project / "fhir-msc.toml"
    text = config.read_text("utf-8")
    kept = re.sub(r"\[study\].*?(?=\[consent\])", "", text, flags=re.DOTALL)
    config.write_text(kept + outcome.out, "utf-8")
    document: Any = fhir_msc("study", "import", shared / EXAMPLES / name, "--json").document
    shown: Any = fhir_msc("study", "--project", project, "--json").document
    assert shown["study"] == document["study"] == tomllib.loads(outcome.out)["study"]
    assert set(document["sites"]) <= set(shown["sites"])
    assert document["remarks"]
    told = fhir_msc("study", "--project", project)
    assert told.code == 0
    assert f"({name[:11]})" in told.out
    assert "eligibility criteria: " in told.out


def test_what_is_no_record_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"resourceType": "Patient"}', "utf-8")
    outcome = fhir_msc("study", "import", tmp_path / "x.json")
    assert outcome.code == 3
    assert "x.json: is no record of ClinicalTrials.gov" in outcome.err
    assert "Traceback" not in outcome.err


def test_our_codes_are_written_as_they_are_sent(project: Path, tmp_path: Path) -> None:
    outcome = fhir_msc("terminology", "export", tmp_path / "codes", "--project", project, "--json")
    assert outcome.code == 0, outcome.err
    files = sorted((tmp_path / "codes").iterdir())
    assert [str(path) for path in files] == sorted(outcome.document["files"])
    written = {path.read_bytes().strip() for path in files}
    fhir_msc("map", "--project", project, "--output", tmp_path / "bodies.ndjson")
    sent = (tmp_path / "bodies.ndjson").read_bytes().splitlines()
    kinds = ("CodeSystem", "ValueSet")
    assert written == {line for line in sent if json.loads(line)["resourceType"] in kinds}
    assert len(files) == 10


def test_where_nothing_can_be_written(project: Path, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    outcome = fhir_msc("terminology", "export", tmp_path / "a file", "--project", project)
    assert outcome.code == 2
    assert "cannot be written" in outcome.err

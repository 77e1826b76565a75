"""What ``validate`` reports: mistakes planted in an export, each told once at its cell; formats by other readers."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from junitparser import JUnitXml

from fhir_msc.reports import FORMATS
from tests.integration.test_readme import keep_participants
from tests.support.packages import fetched
from tests.support.projects import Outcome, fhir_msc

ROOT = Path(__file__).parents[2]
SARIF = "@microsoft/jest-sarif@1.0.0-beta.0"
"""Holds the schema of SARIF 2.1.0 as its committee published it (rtm.5)."""

CODE, UNREADABLE, EMPTY = "MSC-MAP-002", "MSC-MAP-001", "MSC-MAP-005"
BEYOND, EXCHANGED, TOTAL = "MSC-VALUE-001", "MSC-VALUE-002", "MSC-VALUE-003"
NAMES_ARM = "MSC-BLIND-003"
MISTAKES = [
    (2, "sledai_seizure", "present", CODE),
    (3, "vs_systolic", "12o", UNREADABLE),
    (3, "lab_datetime", "2019-13-45 10:10", UNREADABLE),
    (4, "redcap_event_name", "week_3_arm_1", CODE),
    (5, "bilag_renal", "F", CODE),
    (5, "vs_diastolic", "218", EXCHANGED),
    (6, "sledai_total", "13", TOTAL),
    (6, "vs_date", "2019-02-30", UNREADABLE),
    (7, "fatigue_total", '4"5', UNREADABLE),
    (7, "depression_date", "31.12.2019", UNREADABLE),
    (7, "pain_nrs", "55", BEYOND),
    (8, "vs_temperature", "98.6", BEYOND),
    (9, "lab_crp", "n/a\nsee note", UNREADABLE),
    (15, "disp_date", "tomorrow", UNREADABLE),
    (16, "ae_term", "", EMPTY),
    (17, "ae_term", "Vomiting, knows of placebo", NAMES_ARM),
    (18, "elig_result", "maybe", CODE),
    (23, "rand_date", "0", UNREADABLE),
    (23, "inf_done", "x", CODE),
    (26, "sledai_total", "<>", UNREADABLE),
]
"""Row of the export, column, the text that is put there, and the rule that must tell it."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The blind project of the example, with six of its participants."""
    return laid(tmp_path / "misle", 6)


def laid(folder: Path, participants: int) -> Path:
    """The blind project of the example, with so many of its participants."""
    shutil.copytree(ROOT / "examples/misle-phase2", folder)
    (folder / "secret").write_text(secrets.token_hex(32))
    (folder / "secret").chmod(0o600)
    keep_participants(records(folder), participants)
    return folder


def records(project: Path) -> Path:
    return project / "data/edc/misle_records_synthetic.csv"


def plant(project: Path) -> None:
    with records(project).open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    for row, column, text, _ in MISTAKES:
        rows[row - 1][header.index(column)] = text
    with records(project).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def text_at(path: Path, region: dict[str, int]) -> str:
    """The text of a region of SARIF."""
    lines = path.read_bytes().decode("utf-8").split("\n")[region["startLine"] - 1 : region["endLine"]]
    lines[-1] = lines[-1][: region["endColumn"] - 1]
    return "\n".join([lines[0][region["startColumn"] - 1 :], *lines[1:]])


def run(project: Path, *options: object, code: int) -> Outcome:
    outcome = fhir_msc("validate", "--project", project, *options)
    assert (outcome.code, outcome.err) == (code, ""), outcome.err
    return outcome


def test_twenty_mistakes_give_twenty_findings_each_at_its_cell(project: Path, tmp_path: Path) -> None:
    assert run(project, "--json", code=0).document["findings"] == []
    plant(project)
    sarif, page = tmp_path / "found.sarif", tmp_path / "found.csv"

    found = run(project, "--json", "--report", f"sarif={sarif}", "--report", f"csv={page}", code=1).document["findings"]

    assert len(MISTAKES) == len(found) == 20
    told = {(one["origins"][0]["row"], *one["origins"][0]["columns"][:1], one["rule"]) for one in found}
    assert told == {(row, column, rule) for row, column, _, rule in MISTAKES}
    assert {one["origins"][0]["file"] for one in found} == {records(project).name}

    results = json.loads(sarif.read_bytes())["runs"][0]["results"]
    texts = {(row, column): text for row, column, text, _ in MISTAKES}
    assert len(results) == 20
    for one, result in zip(found, results, strict=True):
        physical = result["locations"][0]["physicalLocation"]
        assert physical["artifactLocation"]["uri"] == f"file://{records(project)}"
        cell = text_at(records(project), physical["region"])
        origin = one["origins"][0]
        assert next(csv.reader(io.StringIO(cell, newline="")), [""]) == [texts[origin["row"], origin["columns"][0]]]
        assert result["ruleId"] == one["rule"]
    rows = list(csv.DictReader(io.StringIO(page.read_bytes().decode("utf-8"), newline="")))
    assert [(row["row"], row["columns"].split()[0]) for row in rows] == [
        (str(one["origins"][0]["row"]), one["origins"][0]["columns"][0]) for one in found
    ]
    for _, _, text, _ in MISTAKES:
        if len(text) > 3:
            assert text not in sarif.read_text("utf-8")


def test_a_baseline_leaves_what_is_new(project: Path, tmp_path: Path) -> None:
    plant(project)
    known = tmp_path / "known.json"
    run(project, "--write-baseline", known, code=0)
    assert "20 findings stand in the baseline" in run(project, "--baseline", known, code=0).out
    with records(project).open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    rows[3][header.index("vs_pulse")] = "?"
    with records(project).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    document = run(project, "--baseline", known, "--json", code=1).document
    assert document["known"] == 20
    assert [(one["origins"][0]["row"], one["origins"][0]["columns"]) for one in document["findings"]] == [
        (4, ["vs_pulse"])
    ]


# -- formats, by readers of their own ---------------------------------------------------------------------------------

BROKEN = {"resourceType": "Patient", "gender": "of the third kind", "nickname": "Zoë"}


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], bytes]:
    """One report of files that hold mistakes of several kinds, in the format asked for."""
    folder = tmp_path / "some files"
    folder.mkdir()
    (folder / "ä.json").write_text(json.dumps(BROKEN, indent=2), "utf-8")
    (folder / "many.ndjson").write_text("\n".join([json.dumps(BROKEN), '{"resourceType": "Nobody"}', "{"]), "utf-8")

    def report(form: str) -> bytes:
        outcome = fhir_msc("validate", folder, "--report", form)
        assert (outcome.code, outcome.err) == (1, "")
        assert "third kind" not in outcome.out
        return outcome.out.encode()

    return report


@pytest.mark.npm
def test_sarif_is_valid_by_its_schema(written: Callable[[str], bytes], project: Path) -> None:
    with tarfile.open(fetched(SARIF)) as archive:
        file = archive.extractfile("package/lib/schemas/sarif-2.1.0-rtm.5.json")
        assert file is not None
        schema = json.load(file)
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)
    log = json.loads(written("sarif"))
    validator.validate(log)
    plant(project)
    validator.validate(json.loads(run(project, "--report", "sarif", "--show-values", code=1).out))
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not validator.is_valid(log)


def test_junit_counts_what_another_reader_counts(written: Callable[[str], bytes]) -> None:
    suites = JUnitXml.fromstring(written("junit"))
    told = (suites.tests, suites.failures, suites.errors)
    suites.update_statistics()
    assert told == (suites.tests, suites.failures, suites.errors)
    assert suites.failures == len(json.loads(written("json"))["findings"])


def test_an_outcome_passes_our_own_validate(written: Callable[[str], bytes], tmp_path: Path) -> None:
    path = tmp_path / "outcome.json"
    path.write_bytes(written("outcome"))
    assert fhir_msc("validate", path, "--fail-on", "information").code == 0


def test_several_reports_at_once(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(BROKEN))
    reports = [word for form in FORMATS for word in ("--report", f"{form}={tmp_path / form}")]
    outcome = fhir_msc("validate", path, *reports)
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out == (tmp_path / "text").read_text("utf-8")
    for form in FORMATS:
        assert (tmp_path / form).read_bytes() == fhir_msc("validate", path, "--report", form).out.encode()


# -- interrupted ------------------------------------------------------------------------------------------------------


def test_an_interrupted_run_says_so_in_one_line_and_leaves_no_process() -> None:
    """Ctrl-C reaches all processes of a terminal at once. Its streams end when the last of them has."""
    program = Path(sys.executable).with_name("fhir-msc")
    lines = (json.dumps({"resourceType": "Patient", "name": [{"text": "x" * 4000}]}).encode() + b"\n") * 2000
    process = subprocess.Popen(
        [program, "validate", "-", "--jobs", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    for _ in range(3):
        process.stdin.write(lines)  # more than a pipe holds: what was written before is at the processes
    process.stdin.flush()
    os.killpg(process.pid, signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert errors == b"fhir-msc: interrupted before all was checked; nothing is reported\n"


# -- before a commit --------------------------------------------------------------------------------------------------


def test_the_hook_checks_the_files_that_it_is_given(tmp_path: Path) -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert set(hook) == {
        "id", "name", "description", "entry", "language", "files", "require_serial", "minimum_pre_commit_version"
    }  # fmt: skip
    program, *words = hook["entry"].split()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert program in scripts
    names = ("patient.fhir.json", "many.ndjson", "package.json")
    chosen = [name for name in names if re.search(hook["files"], name)]
    assert chosen == ["patient.fhir.json", "many.ndjson"]
    for name in chosen:
        (tmp_path / name).write_text(json.dumps(BROKEN if name.endswith(".ndjson") else {"resourceType": "Patient"}))
    assert fhir_msc(*words, tmp_path / chosen[0]).code == 0
    assert fhir_msc(*words, *(tmp_path / name for name in chosen)).code == 1


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code", "rules"),
    [
        ((), 1, {"MSC-FHIR-BINDING", "MSC-FHIR-STRUCTURE-UNKNOWN"}),
        (("--rule", "MSC-FHIR-BINDING"), 1, {"MSC-FHIR-BINDING"}),
        (("--exclude-rule", "msc-fhir-b*"), 1, {"MSC-FHIR-STRUCTURE-UNKNOWN"}),
        (("--exclude-rule", "MSC-*"), 0, set()),
        (("--fail-on", "fatal"), 0, {"MSC-FHIR-BINDING", "MSC-FHIR-STRUCTURE-UNKNOWN"}),
        (("--max-findings", "1", "--offline"), 1, {"MSC-FHIR-BINDING"}),
    ],
)
def test_options_choose_what_is_told(options: tuple[str, ...], code: int, rules: set[str], tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(BROKEN))
    outcome = fhir_msc("validate", path, "--json", *options)
    assert outcome.code == code
    assert {one["rule"] for one in outcome.document["findings"]} == rules
    if "--max-findings" in options:
        assert (outcome.document["omitted"], outcome.document["counts"]["error"]) == (1, 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--report", "pdf"], "text, json, outcome, sarif, junit, html, csv"),
        (["--report", "sarif", "--json"], "two reports go to stdout"),
        (["--report", "sarif=GONE/x"], "cannot be written"),
        (["--rule", "MSC-MAP-1"], "there is no rule MSC-MAP-1"),
        (["--baseline", "GONE"], "cannot be read"),
        (["--baseline", "GONE", "--write-baseline", "GONE"], "at once"),
        (["--fail-on", "never"], "--fail-on"),
        (["--jobs", "0"], "--jobs"),
        (["--explain", "MSC-FHIR-BINDINGS"], "the nearest is MSC-FHIR-BINDING"),
    ],
)
def test_a_wrong_option_ends_with_2(options: list[str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(BROKEN))
    outcome = fhir_msc("validate", path, *(word.replace("GONE", str(tmp_path / "gone")) for word in options))
    assert outcome.code == 2, outcome.out
    assert said in outcome.err


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("MSC-MAP-001", ["(error)", "A cell cannot be read", "Correct the cell", "mapping-packs.md"]),
        ("msc-fhir-type-date", ["MSC-FHIR-TYPE-…", "HL7 FHIR R4"]),
        ("MSC-CONSENT-002", ["(warning)", "Collected before the consent", "21 CFR 50.20"]),
    ],
)
def test_a_rule_is_explained(rule: str, said: list[str]) -> None:
    outcome = fhir_msc("validate", "--explain", rule)
    assert (outcome.code, outcome.err) == (0, "")
    for words in said:
        assert words in outcome.out
    document: dict[str, Any] = fhir_msc("validate", "--explain", rule, "--json").document
    assert set(document) == {"id", "family", "severity", "says", "remedy", "source"}

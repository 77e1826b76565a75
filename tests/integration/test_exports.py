"""Every export of REDCap and ODM in the shared data that holds participants maps with a pack of at most two pages.

The packs stand in ``tests/packs``. What an export does not hold, the day of the consent or of a visit, comes from a
list beside it, as the project names one. Rows and results are counted by ``tests/support/expected_odm.py``.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fhir_msc.config import read_project
from fhir_msc.desired import Account, Desired
from fhir_msc.pipeline import checked
from tests.support.engine import Hl7Engine
from tests.support.expected_odm import Counts, counts
from tests.support.projects import fhir_msc, new_project

pytestmark = pytest.mark.shared

PACKS = Path(__file__).parents[1] / "packs"
URL = "http://127.0.0.1:9/fhir"
PAGE = 60
"""Lines."""
_VITALS = ("height", "weight", "bmi")


@dataclass(frozen=True)
class Export:
    """An export and what its pack makes of it. ``lists`` are those that the site keeps beside it."""

    pack: str
    files: tuple[str, ...]
    lists: tuple[str, ...] = ()
    blind: bool = False
    items: tuple[str, ...] = ()
    """Each filled one is an Observation."""
    boxes: tuple[str, ...] = ()
    """Each ticked one is an Observation."""
    panels: tuple[tuple[str, ...], ...] = ()
    """Each row in which one of them is filled is an Observation."""
    not_sent: Mapping[str, int] = field(default_factory=dict)
    """Rows that are held or rejected, by table and outcome (``bp held``)."""
    observations_not_sent: int = 0
    sealed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For the test's id."""
        return self.files[0].removesuffix("/project.xml").rpartition("/")[2]


def _redcapr(name: str, file: str = "project.xml") -> tuple[str, ...]:
    return (f"redcap/REDCapR-projects/{name}/{file}",)


_BOTH = ("consents", "visits")
_LONGITUDINAL = {
    "items": (
        *(f"{item}{suffix}" for item in _VITALS for suffix in ("", "2")),
        *("prealb_b", "creat_b", "npcr_b", "chol_b", "transferrin_b"),
        *(f"{form}{i}" for form in ("vld", "vbw") for i in range(1, 6)),
        *(f"pmq{i}" for i in range(1, 5)),
        *(f"vob{i}" for i in range(1, 14) if i != 7),
    ),
    "lists": ("visits",),
}
_RACE = tuple(f"race___{i}" for i in range(1, 7))
EXPORTS = (
    Export("arm-single-longitudinal", _redcapr("arm-single-longitudinal"), ("consents",), items=("weight",)),
    Export(
        "checkboxes-1",
        _redcapr("checkboxes-1"),
        _BOTH,
        boxes=(*(f"check_one___{i}" for i in range(1, 5)), *(f"check_two___{i}" for i in "abcde")),
    ),
    Export("clinical-trial-1", _redcapr("clinical-trial-1"), _BOTH, items=("height", "weight")),
    Export("dag", _redcapr("dag"), _BOTH, items=_VITALS),
    Export("longitudinal", _redcapr("longitudinal"), **_LONGITUDINAL),  # type: ignore[arg-type]
    Export("longitudinal", ("redcap/test_long_project.xml",), **_LONGITUDINAL),  # type: ignore[arg-type]
    Export("nonnumeric-record-id", _redcapr("nonnumeric-record-id"), ("consents",)),
    Export(
        "repeating-instruments",
        _redcapr("repeating-instruments"),
        panels=(("bp_systolic", "bp_diastolic"),),
        not_sent={"bp held": 1},
        observations_not_sent=1,
    ),
    Export(
        "repeating-instruments",
        _redcapr("repeating-instruments-sparse"),
        panels=(("bp_systolic", "bp_diastolic"),),
        not_sent={"bp held": 1, "demographics held": 1},
        observations_not_sent=1,
    ),
    Export("simple", _redcapr("simple"), _BOTH, items=(*_VITALS, "ethnicity"), boxes=_RACE),
    Export("simple", _redcapr("simple", "project-old.xml"), _BOTH, items=(*_VITALS, "ethnicity"), boxes=_RACE),
    Export(
        "survey",
        _redcapr("survey"),
        items=("has_diabetes",),
        not_sent={"prescreening_survey held": 1},
        observations_not_sent=1,
    ),
    Export("validation-types-1", _redcapr("validation-types-1"), _BOTH, items=("f_calculated",)),
    Export(
        "vignette-repeating", _redcapr("vignette-repeating"), _BOTH, items=(*_VITALS, "conc"), panels=(("sbp", "dbp"),)
    ),
    Export(
        "repeating-events",
        ("redcap/RepeatingEventsExtended.REDCap.xml",),
        blind=True,
        items=("weight_kg", "height_m", "hdl_mg_dl", "ldl_mg_dl", "triglycerides_mg_dl"),
        panels=tuple((f"systolic{i}", f"diastolic{i}") for i in (1, 2, 3)),
    ),
    Export(
        "repeating-forms",
        ("redcap/RepeatingForms.REDCap.xml",),
        items=("weight_kg", "height_m", "bmi", "weekly_activity_level", "diabetic", "diabetes_type"),
    ),
    Export(
        "visits",
        ("redcap/Visits.REDCap.xml",),
        ("consents",),
        items=("sleep_hours", "satisfaction", "lab1", "lab2", "impression1", "impression2"),
    ),
    Export(
        "openedc",
        ("odm/clinicaldata.xml", "odm/metadata.xml"),
        _BOTH,
        items=(
            *(
                "Gender",
                "Age",
                "Weight",
                "Height",
                "Pregnant",
                "WeeksPregnant",
                "CountryOfBirth",
                "CardiovascularDiseases",
            ),
            *("TumorDiseases", "SideEffect", "SymptomsChanged", *(f"WHO.{i}" for i in range(1, 6))),
            *(f"I.{i}" for i in (1, 2, 5, 6, 8, 9, 10, 11, 12, 16)),
        ),
    ),
    Export(
        "virus",
        ("odm/odm-data-snapshot.xml",),
        blind=True,
        items=("IT.PT_PULSE",),
        # One participant has no date of consent; nothing but one form has a date, and that is before the consent.
        not_sent={"IG.DM held": 1, "IG.VS held": 2, "IG.AE held": 1, "IG.AE.AE_ARRAY1 held": 8},
        observations_not_sent=2,
        sealed=("IG.EC", "IG.EC.EC_ARRAY1"),
    ),
    # Two conditions are active and have an end.
    Export(
        "fhir-retrieval",
        ("odm/Data_Retrieval_From_FHIR_in_ODM.xml",),
        ("consents",),
        not_sent={"IG.MH rejected": 2},
    ),
)
every_export = pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)


def laid(export: Export, shared: Path, folder: Path) -> tuple[Path, Counts]:
    """A project over a copy of the export with its lists, and what the export holds."""
    source = folder / "export"
    source.mkdir()
    for name in export.files:
        shutil.copyfile(shared / "data" / name, source / Path(name).name)
    held = counts(source / Path(export.files[0]).name)
    events = [(who, re.sub(r"_arm_\d+$", "", event)) for who, event in held.events] or [
        (who, "1") for who in held.participants
    ]
    lists = {
        "consents": ["participant,signed", *(f"{who},1999-01-01" for who in held.participants)],
        "visits": ["participant,visit,date", *(f"{who},{event},2022-03-01" for who, event in dict.fromkeys(events))],
    }
    options = ["--zone", "America/New_York", *([] if export.blind else ["--unblinded"])]
    for name in export.lists:
        (source / f"{name}.csv").write_text("\n".join(lists[name]) + "\n", "utf-8")
        held.rows[name] = len(lists[name]) - 1
    project = new_project(folder / "project", str(PACKS / export.pack), source, URL, *options)
    config = project / "fhir-msc.toml"
    tables = "".join(f'{name} = "{name}.csv"\n' for name in export.lists)
    config.write_text(config.read_text("utf-8").replace("[study]", f"[source.tables]\n{tables}\n[study]", 1), "utf-8")
    return project, held


def mapped(project: Path) -> tuple[Sequence[Account], list[tuple[str, bytes]]]:
    """The accounts and the bodies; bodies of which a check finds an error are not among them."""
    bodies: list[tuple[str, bytes]] = []

    def keep(batch: Sequence[Desired]) -> None:
        bodies.extend((one.type, one.body) for one in batch)

    return checked(read_project(project), keep=keep).accounts, bodies


@every_export
def test_every_row_is_accounted_for(export: Export, shared: Path, tmp_path: Path) -> None:
    project, held = laid(export, shared, tmp_path)
    accounts, bodies = mapped(project)
    expected = {table: rows for table, rows in held.rows.items() if table not in export.sealed}
    assert {one.table: one.rows for one in accounts if one.rows} == expected
    assert all(sum(one.outcomes.values()) == one.rows for one in accounts)
    not_sent: dict[str, int] = {}
    for one in accounts:
        for (outcome, _), rows in one.outcomes.items():
            if outcome in ("held", "rejected", "withheld"):
                not_sent[f"{one.table} {outcome}"] = not_sent.get(f"{one.table} {outcome}", 0) + rows
    assert not_sent == export.not_sent
    observations = sum(held.cells[item] for item in export.items) + sum(held.ticked[box] for box in export.boxes)
    observations += sum(held.any_of(panel) for panel in export.panels)
    assert sum(type == "Observation" for type, _ in bodies) == observations - export.observations_not_sent
    unconsented = sum(
        rows for name, rows in export.not_sent.items() if re.match("IG.DM|demographics|prescreening", name)
    )
    assert sum(type == "Patient" for type, _ in bodies) == len(held.participants) - unconsented


@every_export
def test_the_pack_checks_and_is_short(export: Export, shared: Path) -> None:
    folder = PACKS / export.pack
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in folder.glob("*.yaml"))
    assert lines <= 2 * PAGE
    outcome = fhir_msc("mapping", "check", folder, "--source", shared / "data" / export.files[0], "--json")
    assert outcome.code == 0, outcome.out
    # A field that REDCap flags as identifying is withheld and said; else the check has nothing to say.
    assert {one["rule"] for one in outcome.document["findings"]} <= {"MSC-PHI-001"}


@pytest.mark.hapi
@every_export
def test_hl7s_engine_finds_no_error(export: Export, shared: Path, tmp_path: Path, hl7_engine: Hl7Engine) -> None:
    project, _ = laid(export, shared, tmp_path)
    shapes: dict[tuple[str, str], bytes] = {}
    for type, body in mapped(project)[1]:
        text = re.sub(r'[0-9a-f]{40}|[0-9]+(\.[0-9]+)?|"valueString":"[^"]*"', "#", body.decode("utf-8"))
        shapes.setdefault((type, re.sub(r'"(code|display|text)":"[^"]*"', "#", text)), body)
    errors = [
        (type, said.location, said.message) for (type, _), body in shapes.items() for said in hl7_engine.errors(body)
    ]
    assert not errors


def test_a_row_may_lend_its_cells_and_be_mapped_itself(shared: Path, tmp_path: Path) -> None:
    """OpenEDC's sex stands in a group that has results besides."""
    [export] = [one for one in EXPORTS if one.pack == "openedc"]
    project, held = laid(export, shared, tmp_path)
    accounts, bodies = mapped(project)
    assert sum(b'"gender"' in body for type, body in bodies if type == "Patient") == held.cells["Gender"]
    [group] = [one for one in accounts if one.table == "IG.1"]
    assert {outcome for outcome, _ in group.outcomes} == {"delivered"}


def test_a_csv_export_gives_the_bodies_of_the_xml(shared: Path, tmp_path: Path) -> None:
    """Four projects of which both exports are of the same day: but for the name of the file nothing differs."""
    for name in ("arm-single-longitudinal", "clinical-trial-1", "repeating-instruments", "vignette-repeating"):
        [export] = [one for one in EXPORTS if one.name == name]
        (tmp_path / name).mkdir()
        project, _ = laid(export, shared, tmp_path / name)
        of_xml = mapped(project)[1]
        for file in ("data.csv", "dictionary.csv"):
            shutil.copyfile(shared / "data" / _redcapr(name, file)[0], tmp_path / name / "export" / file)
        config = project / "fhir-msc.toml"
        words = 'format = "redcap"\nrecords = "data.csv"\ndictionary = "dictionary.csv"\n'
        text = config.read_text("utf-8")
        assert text.count('format = "redcap"\n') == 1
        config.write_text(text.replace('format = "redcap"\n', words), "utf-8")
        of_csv = mapped(project)[1]
        assert [json.loads(body) for _, body in of_csv] == [json.loads(body) for _, body in of_xml]
        assert of_csv

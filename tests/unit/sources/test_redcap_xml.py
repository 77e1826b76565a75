"""A REDCap project's XML gives the rows of its CSV export; small projects show events, instances and choices."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_msc.errors import SourceError
from fhir_msc.sources import OpenSource, SourceOptions, open_source

PROJECTS = Path(__file__).parents[4] / "shared/data/redcap/REDCapR-projects"
DIFFERS = {
    # A form that nobody saved is Incomplete in the CSV, and nothing in the XML.
    "checkboxes-1": {"form_2_complete"},
    # The CSV is of another day.
    "simple": {"sex", "mugshot"},
    "validation-types-1": {"f_calculated"},
}
SAME = (
    *("arm-single-longitudinal", "clinical-trial-1", "dag", "longitudinal", "nonnumeric-record-id"),
    *("repeating-instruments", "repeating-instruments-sparse", "vignette-repeating"),
)


@pytest.mark.shared
@pytest.mark.parametrize("name", [*SAME, *DIFFERS])
def test_the_rows_of_the_csv_export(name: str) -> None:
    """But for line ends inside a value, which an XML attribute cannot hold."""
    differs = DIFFERS.get(name, set())
    csv = open_source(PROJECTS / name, SourceOptions("redcap", records="data.csv", dictionary="dictionary.csv"))
    xml = open_source(PROJECTS / name, SourceOptions("redcap", records="project.xml"))
    of_xml = {one.name: one for one in xml.tables()}
    for table in csv.tables():
        other = of_xml[table.name]
        extra = set(other.columns) - set(table.columns)
        assert extra <= {"redcap_data_access_group", "interpreter_needed"}
        assert set(table.columns) <= set(other.columns)
        assert table.identifiers == other.identifiers
        columns = [column for column in table.columns if column not in differs]
        columns += [f"{column}:label" for column in columns]
        one, two = (
            [
                (number, tuple(" ".join(value.split()) for value in values))
                for number, values in source.rows(table.name, columns)
            ]
            for source in (csv, xml)
        )
        assert one == two


META = """
<Study OID="S"><GlobalVariables><redcap:RepeatingInstrumentsAndEvents>
<redcap:RepeatingEvent redcap:UniqueEventName="visit_arm_1"/>
<redcap:RepeatingEvent redcap:UniqueEventName="visit_arm_2"/>
<redcap:RepeatingInstruments>
<redcap:RepeatingInstrument redcap:UniqueEventName="start_arm_1" redcap:RepeatInstrument="lab"/>
</redcap:RepeatingInstruments></redcap:RepeatingInstrumentsAndEvents></GlobalVariables>
<MetaDataVersion OID="M">
<StudyEventDef OID="Event.start_arm_1" Name="Start" redcap:UniqueEventName="start_arm_1"/>
<StudyEventDef OID="Event.visit_arm_1" Name="Visit" redcap:UniqueEventName="visit_arm_1"/>
<StudyEventDef OID="Event.visit_arm_2" Name="Visit" redcap:UniqueEventName="visit_arm_2"/>
<FormDef OID="Form.person" redcap:FormName="person"/><FormDef OID="Form.lab" redcap:FormName="lab"/>
<ItemGroupDef OID="person.id"><ItemRef ItemOID="id"/><ItemRef ItemOID="sex"/><ItemRef ItemOID="race___a_b"/>
<ItemRef ItemOID="text"/></ItemGroupDef>
<ItemGroupDef OID="person.person_complete"><ItemRef ItemOID="person_complete"/></ItemGroupDef>
<ItemGroupDef OID="lab.crp"><ItemRef ItemOID="crp"/></ItemGroupDef>
<ItemDef OID="id" redcap:Variable="id" redcap:FieldType="text"/>
<ItemDef OID="sex" redcap:Variable="sex" redcap:FieldType="radio" redcap:Identifier="y">
<CodeListRef CodeListOID="s"/></ItemDef>
<ItemDef OID="race___a_b" redcap:Variable="race" redcap:FieldType="checkbox"><CodeListRef CodeListOID="r"/></ItemDef>
<ItemDef OID="text" redcap:Variable="text" redcap:FieldType="descriptive"/>
<ItemDef OID="person_complete" redcap:Variable="person_complete" redcap:FieldType="select"/>
<ItemDef OID="crp" redcap:Variable="crp" redcap:FieldType="text" redcap:TextValidationType="number_1dp_comma_decimal"/>
<CodeList OID="s">
<CodeListItem CodedValue="1"><Decode><TranslatedText>Female</TranslatedText></Decode></CodeListItem></CodeList>
<CodeList OID="r" redcap:CheckboxChoices="A-b, Black, or African|c, Other"/>
</MetaDataVersion></Study>
"""


def event(name: str, repeat: int, *forms: str) -> str:
    return (
        f'<StudyEventData StudyEventOID="Event.{name}" StudyEventRepeatKey="{repeat}" redcap:UniqueEventName="{name}">'
        f"{''.join(forms)}</StudyEventData>"
    )


def form(name: str, repeat: int, **items: str) -> str:
    inner = "".join(f'<ItemData ItemOID="{item}" Value="{value}"/>' for item, value in items.items())
    return (
        f'<FormData FormOID="Form.{name}" FormRepeatKey="{repeat}"><ItemGroupData ItemGroupOID="{name}.x" '
        f'ItemGroupRepeatKey="1">{inner}</ItemGroupData></FormData>'
    )


def subject(key: str, *events: str) -> str:
    return f'<SubjectData SubjectKey="{key}" redcap:RecordIdField="id">{"".join(events)}</SubjectData>'


def project(
    folder: Path, *subjects: str, metadata: str = META, arms: bool = False, end: str = "</ClinicalData></ODM>"
) -> OpenSource:
    path = folder / "project.xml"
    path.write_text(
        '<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:redcap="https://projectredcap.org" SourceSystem="REDCap">'
        f'{metadata}<ClinicalData StudyOID="S" MetaDataVersionOID="M">{"".join(subjects)}{end}'
    )
    return open_source(path, SourceOptions(arms_are_treatments=arms))


PEOPLE = (
    subject(
        "7",
        event(
            "start_arm_1",
            1,
            form("person", 1, id="7", sex="1", race___a_b="1", redcap_data_access_group="north", person_complete="2"),
            form("lab", 1, crp="1,5"),
            form("lab", 2, crp="2.5"),
        ),
        event("visit_arm_1", 1, form("lab", 1, crp="3")),
        event("visit_arm_1", 2, form("lab", 1, crp="4")),
    ),
    subject("8", event("visit_arm_2", 1, form("person", 1, id="8", sex="9"))),
    subject("9"),
)
PLACE = ("id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "redcap_data_access_group")


def test_events_instruments_and_instances(tmp_path: Path) -> None:
    source = project(tmp_path, *PEOPLE)
    assert [one.name for one in source.tables()] == ["lab", "person"]
    assert list(source.rows("person", (*PLACE, "redcap_arm"))) == [
        (1, ("7", "start_arm_1", "", "", "north", "1")),
        (6, ("8", "visit_arm_2", "", "1", "", "2")),
    ]
    # A repeating instrument has rows of its own, a repeating event has an instance; the group is that of the record.
    assert list(source.rows("lab", (*PLACE, "crp"))) == [
        (2, ("7", "start_arm_1", "lab", "1", "north", "1.5")),
        (3, ("7", "start_arm_1", "lab", "2", "north", "2.5")),
        (4, ("7", "visit_arm_1", "", "1", "north", "3")),
        (5, ("7", "visit_arm_1", "", "2", "north", "4")),
    ]


def test_choices_boxes_and_identifiers(tmp_path: Path) -> None:
    source = project(tmp_path, *PEOPLE)
    asked = ("sex", "sex:label", "race___a_b", "race___a_b:label", "person_complete:label")
    assert [values for _, values in source.rows("person", asked)] == [
        ("1", "Female", "1", "Black, or African", "Complete"),
        # A code that the project does not know, as a missing-data code, is its own label.
        ("9", "9", "", "", ""),
    ]
    [person] = [one for one in source.tables() if one.name == "person"]
    assert person.identifiers == {"sex"}
    assert "text" not in person.columns


def test_arms_that_are_treatments(tmp_path: Path) -> None:
    source = project(tmp_path, *PEOPLE, arms=True)
    assert {values for _, values in source.rows("lab", ("redcap_event_name", "redcap_arm"))} == {
        ("start", "1"),
        ("visit", "1"),
    }


def test_a_project_that_is_cut_short_says_which_row(tmp_path: Path) -> None:
    source = project(tmp_path, *PEOPLE[:2], "<SubjectData", end="")
    with pytest.raises(SourceError, match="from this row on the file cannot be read") as raised:
        list(source.rows("lab", ("crp",)))
    assert raised.value.row == 7
    assert raised.value.hint


@pytest.mark.parametrize("metadata", ["", '<Study OID="S"><MetaDataVersion OID="M"/></Study>'])
def test_what_is_no_redcap_project(tmp_path: Path, metadata: str) -> None:
    with pytest.raises(SourceError, match="is not the XML of a REDCap project") as raised:
        project(tmp_path, *PEOPLE, metadata=metadata)
    assert raised.value.hint


def test_a_csv_export_beside_it_comes_first(tmp_path: Path) -> None:
    project(tmp_path, *PEOPLE)
    (tmp_path / "fields.csv").write_text(
        "field_name,form_name,field_type\nid,person,text\nsex,person,text\ncrp,lab,text\n", "utf-8"
    )
    (tmp_path / "data.csv").write_text("id,sex,crp\n1,2,3\n", "utf-8")
    assert {one.file for one in open_source(tmp_path).tables()} == {"data.csv"}
    assert {one.file for one in open_source(tmp_path / "project.xml").tables()} == {"project.xml"}
    by_name = open_source(tmp_path, SourceOptions("redcap", records="*.xml"))
    assert {one.file for one in by_name.tables()} == {"project.xml"}

"""ODM-XML 1.3 and 2.0: small documents that show one thing each, random ones, damaged ones, hostile ones."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_msc.errors import SourceError
from fhir_msc.sources import OpenSource, Row, SealedSource, Seals, SourceOptions, open_source, xml_stream
from fhir_msc.sources.odm_walk import CONTEXT
from fhir_msc.sources.seals import RowSeal

V1, V2 = "http://www.cdisc.org/ns/odm/v1.3", "http://www.cdisc.org/ns/odm/v2.0"
METADATA = """
<Study OID="S"><GlobalVariables/>
<BasicDefinitions><MeasurementUnit OID="MU.K" Name="kilo"><Symbol>
  <TranslatedText xml:lang="de">Kilo</TranslatedText><TranslatedText xml:lang="en">kg</TranslatedText>
</Symbol></MeasurementUnit><MeasurementUnit OID="MU.P" Name="lb"/></BasicDefinitions>
<MetaDataVersion OID="M" Name="m">
<StudyEventDef OID="E1" Name="Screening"/><FormDef OID="F1" Name="Demographics"/>
<ItemGroupDef OID="DM" Name="Person"><ItemRef ItemOID="SEX"/><ItemRef ItemOID="WT"/></ItemGroupDef>
<ItemGroupDef OID="NONE" Name="Without items"/>
<ItemDef OID="SEX" Name="sex"><Question><TranslatedText xml:lang="fr">Sexe</TranslatedText>
  <TranslatedText xml:lang="en">Sex at
   birth</TranslatedText></Question><CodeListRef CodeListOID="CL"/></ItemDef>
<ItemDef OID="WT" Name="Weight"><MeasurementUnitRef MeasurementUnitOID="MU.K"/></ItemDef>
<CodeList OID="CL"><CodeListItem CodedValue="f"><Decode><TranslatedText>Female</TranslatedText></Decode></CodeListItem>
<EnumeratedItem CodedValue="m"/></CodeList>
</MetaDataVersion></Study>
"""


def document(body: str, metadata: str = METADATA, namespace: str = V1, root: str = "") -> str:
    data = f'<ClinicalData StudyOID="S" MetaDataVersionOID="M">{body}</ClinicalData>' if body else ""
    return f'<ODM xmlns="{namespace}" xmlns:v="urn:vendor" ODMVersion="1" {root}>{metadata}{data}</ODM>'


def group(items: str, oid: str = "DM", attributes: str = "") -> str:
    return (
        '<SubjectData SubjectKey="P1"><SiteRef LocationOID="L1"/><StudyEventData StudyEventOID="E1" '
        f'StudyEventRepeatKey="2"><FormData FormOID="F1" FormRepeatKey="3"><ItemGroupData ItemGroupOID="{oid}" '
        f'ItemGroupRepeatKey="4" {attributes}>{items}</ItemGroupData></FormData></StudyEventData></SubjectData>'
    )


def opened(folder: Path, text: str | bytes, **options: str) -> OpenSource:
    path = folder / "study.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return open_source(path, SourceOptions(**options))  # type: ignore[arg-type]


def cells(source: OpenSource, table: str, *columns: str) -> list[tuple[str, ...]]:
    rows = list(source.rows(table, columns))
    assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
    return [values for _, values in rows]


def columns_of(source: OpenSource, table: str) -> tuple[str, ...]:
    return next(one.columns for one in source.tables() if one.name == table)


def test_a_pack_for_several_formats_takes_the_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "labs.csv").write_text("pid,crp\n1,2\n")
    of_csv = open_source(tmp_path, SourceOptions(kinds=("odm", "redcap", "csv")))
    assert (of_csv.form, [one.name for one in of_csv.tables()]) == ("csv", ["labs"])
    (tmp_path / "study.xml").write_text(document(group("")))
    assert open_source(tmp_path, SourceOptions(kinds=("odm", "redcap", "csv"))).form == "odm"
    assert open_source(tmp_path, SourceOptions(kinds=("csv", "odm"))).form == "csv"
    (tmp_path / "study.xml").write_text(document(group(""), root='SourceSystem="REDCap"'))
    with pytest.raises(SourceError, match="is not the XML of a REDCap project"):
        open_source(tmp_path, SourceOptions(kinds=("odm", "redcap", "csv")))
    (tmp_path / "names.csv").write_text("field_name,form_name,field_type\npid,labs,text\ncrp,labs,text\n")
    of_redcap = open_source(tmp_path, SourceOptions(kinds=("redcap", "csv")))
    assert (of_redcap.form, [one.file for one in of_redcap.tables()]) == ("redcap", ["labs.csv"])
    one_file = open_source(tmp_path / "labs.csv", SourceOptions(kinds=("redcap",)))
    assert [one.file for one in one_file.tables()] == ["labs.csv"]


def test_a_row_knows_where_it_stands(tmp_path: Path) -> None:
    source = opened(tmp_path, document(group('<ItemData ItemOID="SEX" Value="f"/>')))
    assert columns_of(source, "DM") == (*CONTEXT, "SEX", "WT", "WT:unit")
    assert cells(source, "DM", *CONTEXT, "SEX", "WT", "other") == [
        ("S", "P1", "L1", "E1", "2", "F1", "3", "", "", "4", "f", "", "")
    ]
    assert cells(source, "DM", "StudyEventOID:label", "FormOID:label", "SEX:label", "WT:unit") == [
        ("Screening", "Demographics", "Female", "")
    ]
    assert cells(source, "SubjectData", "SubjectKey", "LocationOID") == [("P1", "L1")]
    assert cells(source, "StudyEventData", "SubjectKey", "StudyEventOID") == [("P1", "E1")]
    [table] = [one for one in source.tables() if one.name == "DM"]
    assert dict(zip(table.columns, table.labels, strict=True))["SEX"] == "Sex at birth"
    assert [one.name for one in source.tables()] == ["DM", "StudyEventData", "SubjectData"]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param(
            '<ItemData ItemOID="SEX" Value="f"/><ItemData ItemOID="WT" Value="0.50"/>', ("f", "0.50"), id="1.3"
        ),
        pytest.param('<ItemDataString ItemOID="SEX">f</ItemDataString>', ("f", ""), id="typed"),
        pytest.param('<ItemDataFloat ItemOID="WT">1.50</ItemDataFloat>', ("", "1.50"), id="typed number"),
        pytest.param('<ItemData ItemOID="SEX"><Value>f</Value></ItemData>', ("f", ""), id="2.0"),
        pytest.param('<ItemData ItemOID="SEX"><Value>f</Value><Value>m</Value></ItemData>', ("f|m", ""), id="values"),
        pytest.param('<ItemData ItemOID="SEX" IsNull="Yes"/>', ("", ""), id="null"),
        pytest.param('<ItemData ItemOID="SEX" IsNull="Yes" Value="f"/>', ("", ""), id="null with a value"),
        pytest.param('<ItemData ItemOID="SEX" Value="&lt;f &amp; &#65;"/>', ("<f & A", ""), id="escaped"),
        pytest.param('<ItemData ItemOID="SEX"><Value><![CDATA[<f>]]></Value></ItemData>', ("<f>", ""), id="CDATA"),
        pytest.param(
            '<ItemDataBase64Binary ItemOID="SEX" v:DocName="a.jpg">QUJD</ItemDataBase64Binary>',
            ("a.jpg", ""),
            id="binary",
        ),
        pytest.param('<ItemDataHexBinary ItemOID="SEX">4142</ItemDataHexBinary>', ("[document]", ""), id="hex"),
        pytest.param(
            '<ItemData ItemOID="SEX" Value="f"><AuditRecord><v:x/><ItemData ItemOID="WT" Value="9"/></AuditRecord>'
            "</ItemData>",
            ("f", ""),
            id="audit trail",
        ),
        pytest.param(
            f'<v:Thing><ItemData xmlns="{V1}" ItemOID="WT" Value="9"/></v:Thing><ItemData ItemOID="SEX" Value="m"/>',
            ("m", ""),
            id="another namespace",
        ),
        pytest.param('<ItemData ItemOID="SEX" Value="f" TransactionType="Insert"/>', ("f", ""), id="insert"),
    ],
)
def test_a_value_in_any_form(tmp_path: Path, items: str, expected: tuple[str, ...]) -> None:
    assert cells(opened(tmp_path, document(group(items))), "DM", "SEX", "WT") == [expected]


def test_labels_and_units(tmp_path: Path) -> None:
    items = '<ItemData ItemOID="SEX" Value="{}"/><ItemData ItemOID="WT" Value="1">{}</ItemData>'
    unit = '<MeasurementUnitRef MeasurementUnitOID="MU.P"/>'
    body = group(items.format("m", "")) + group(items.format("?", unit))
    source = opened(tmp_path, document(body))
    # A code without a label, and one that the list does not know, are their own labels.
    assert cells(source, "DM", "SEX:label", "WT:unit") == [("m", "kg"), ("?", "lb")]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ('<ItemDataFloat ItemOID="WT" MeasurementUnitOID="MU.P">70.0</ItemDataFloat>', ("70.0", "lb")),
        ('<ItemDataInteger ItemOID="WT" MeasurementUnitOID="MU.X">70</ItemDataInteger>', ("70", "MU.X")),
        ('<ItemDataFloat ItemOID="WT">70.0</ItemDataFloat>', ("70.0", "kg")),
        ('<ItemDataFloat ItemOID="WT" MeasurementUnitOID="">70.0</ItemDataFloat>', ("70.0", "kg")),
        ('<ItemDataFloat ItemOID="WT" MeasurementUnitOID="MU.P" IsNull="Yes"/>', ("", "lb")),
    ],
)
def test_a_typed_item_names_its_unit_itself(tmp_path: Path, item: str, expected: tuple[str, str]) -> None:
    assert cells(opened(tmp_path, document(group(item))), "DM", "WT", "WT:unit") == [expected]


def test_a_unit_that_only_the_data_name(tmp_path: Path) -> None:
    item = '<ItemDataFloat ItemOID="TEMP" MeasurementUnitOID="MU.K">37.0</ItemDataFloat>'
    source = opened(tmp_path, document(group(item)))
    assert columns_of(source, "DM")[-2:] == ("TEMP:unit", "TEMP")
    assert cells(source, "DM", "TEMP", "TEMP:unit") == [("37.0", "kg")]


def test_units_of_2_0_stand_in_another_item(tmp_path: Path) -> None:
    metadata = (
        '<Study OID="S"><MetaDataVersion OID="M"><ItemGroupDef OID="DM"><ItemRef ItemOID="WT" UnitsItemOID="WTU"/>'
        '<ItemRef ItemOID="WTU"/></ItemGroupDef></MetaDataVersion></Study>'
    )
    items = '<ItemData ItemOID="WT"><Value>5</Value></ItemData><ItemData ItemOID="WTU"><Value>st</Value></ItemData>'
    source = opened(tmp_path, document(group(items), metadata, V2))
    assert cells(source, "DM", "WT", "WT:unit", "WTU") == [("5", "st", "st")]


def test_groups_in_groups(tmp_path: Path) -> None:
    inner = '<ItemGroupData ItemGroupOID="C" ItemGroupRepeatKey="3"><ItemData ItemOID="X"><Value>1</Value></ItemData>'
    body = (
        '<SubjectData SubjectKey="P1"><StudyEventData StudyEventOID="E1"><ItemGroupData ItemGroupOID="A" '
        'ItemGroupRepeatKey="1"><ItemGroupData ItemGroupOID="B" ItemGroupRepeatKey="2">'
        f'{inner}</ItemGroupData></ItemGroupData><ItemData ItemOID="Y"><Value>2</Value></ItemData>'
        "</ItemGroupData></StudyEventData></SubjectData>"
    )
    source = opened(tmp_path, document(body, "", V2))
    place = ("FormOID", "FormRepeatKey", "ParentItemGroupOID", "ParentItemGroupRepeatKey", "ItemGroupRepeatKey")
    assert cells(source, "C", *place, "X", "Y") == [("A", "1", "B", "2", "3", "1", "")]
    assert cells(source, "B", *place) == [("A", "1", "", "", "2")]
    assert cells(source, "A", *place, "Y") == [("", "", "", "", "1", "2")]


def test_vendors_attributes_and_names_of_the_context(tmp_path: Path) -> None:
    body = '<SubjectData SubjectKey="P1" v:Sex="f"><StudyEventData StudyEventOID="E" v:StartDate="2020"/></SubjectData>'
    body += group('<ItemData ItemOID="SubjectKey" Value="x"/>')
    source = opened(tmp_path, document(body, ""))
    assert cells(source, "SubjectData", "SubjectKey", "Sex") == [("P1", "f"), ("P1", "")]
    assert cells(source, "StudyEventData", "StartDate") == [("2020",), ("",)]
    assert cells(source, "DM", "SubjectKey", "SubjectKey_") == [("P1", "x")]


def test_metadata_in_another_file_and_included(tmp_path: Path) -> None:
    old = METADATA.replace('MetaDataVersion OID="M"', 'MetaDataVersion OID="M0"').replace("</Study>", "")
    included = (
        f'{old}<MetaDataVersion OID="M"><Include StudyOID="S" MetaDataVersionOID="M0"/>'
        '<ItemGroupDef OID="VS"><ItemRef ItemOID="WT"/></ItemGroupDef></MetaDataVersion></Study>'
    )
    (tmp_path / "meta.xml").write_text(document("", included))
    (tmp_path / "other.xml").write_text("<x/>")
    source = opened(tmp_path, document(group('<ItemData ItemOID="SEX" Value="f"/>'), ""))
    assert cells(source, "DM", "SEX:label") == [("Female",)]
    assert columns_of(source, "VS") == (*CONTEXT, "WT", "WT:unit")
    (tmp_path / "twice.xml").write_text(document("", METADATA))
    with pytest.raises(SourceError, match=r"several could be the metadata: meta\.xml, twice\.xml"):
        opened(tmp_path, document(group(""), ""))
    source = opened(tmp_path, document(group(""), ""), dictionary="twice.xml", format="odm")
    assert columns_of(source, "DM") == (*CONTEXT, "SEX", "WT", "WT:unit")
    (tmp_path / "late.xml").write_text(
        document("", METADATA.replace('MetaDataVersion OID="M"', 'MetaDataVersion OID="N"'))
    )
    with pytest.raises(SourceError, match=r"late\.xml: does not describe version M of study S"):
        opened(tmp_path, document(group(""), ""), dictionary="late.xml", format="odm")


def test_a_folder_with_several_exports_asks_which(tmp_path: Path) -> None:
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(document(group("")))
    (tmp_path / "define.xml").write_text("<ODM/>")
    with pytest.raises(SourceError, match=r"several could be the records file: a\.xml, b\.xml\n.*the file itself"):
        open_source(tmp_path)
    assert {one.file for one in open_source(tmp_path / "a.xml", SourceOptions(kinds=("odm",))).tables()} == {"a.xml"}
    source = open_source(tmp_path, SourceOptions(records="b.*"))
    assert {one.file for one in source.tables()} == {"b.xml"}


LAUGHS = '<!DOCTYPE lolz [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
)
HOSTILE = {
    "billion laughs": (
        f"{LAUGHS}]>{document(group('')).replace('<ODM', '<ODM Description=' + chr(34) + '&i;' + chr(34), 1)}"
    ),
    "external entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + document(group("&e;")),
    "external type": '<!DOCTYPE ODM SYSTEM "http://127.0.0.1:9/x.dtd">' + document(group("")),
    "parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>' + document(group("")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_document_types_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=r"study\.xml: line 1: has a document type declaration"):
        opened(tmp_path, HOSTILE[name], format="odm")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", r"line 1: the XML is cut short", id="empty"),
        pytest.param("<a/>", r"is not CDISC ODM-XML", id="another XML"),
        pytest.param('<ODM xmlns="urn:x"/>', r"is not CDISC ODM-XML", id="another namespace"),
        pytest.param(document(""), r"holds no clinical data", id="metadata alone"),
        pytest.param(document("", "<Study>\n<x></y></Study>"), r"line 2: is not well-formed XML", id="not well-formed"),
        pytest.param(document("", "<Study>" + "<x>" * 300), r"more than 256 deep", id="deep"),
        pytest.param(document("", f'<Study OID="{"x" * (1 << 23)}'), r"a tag does not end", id="tag without end"),
        pytest.param(document("", f"<Study>{'x' * (1 << 23)}</Study>"), r"a text does not end", id="text without end"),
        pytest.param(document("", "<Study>&e;</Study>"), r"undefined entity", id="entity"),
        pytest.param(
            document(group(""), METADATA.replace('OID="NONE"', 'OID="SubjectData"')), r"tables of their own", id="OID"
        ),
    ],
)
def test_what_cannot_be_opened(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as raised:
        opened(tmp_path, text, format="odm")
    assert raised.value.hint


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(group('<ItemData ItemOID="SEX"'), "is not well-formed XML", id="tag"),
        pytest.param(group('<ItemData ItemOID="SEX" Value="\x01"/>'), "is not well-formed XML", id="character"),
        pytest.param(group("", attributes='TransactionType="Remove"'), "holds changes", id="removed"),
        pytest.param(group('<ItemData ItemOID="SEX" TransactionType="Update"/>'), "holds changes", id="updated"),
        pytest.param(group('<ItemData ItemOID="SEX" Value="f"/>' * 2), "an item stands twice", id="twice"),
    ],
)
def test_damage_costs_the_row_its_table(tmp_path: Path, body: str, said: str) -> None:
    source = opened(tmp_path, document(group('<ItemData ItemOID="SEX" Value="secret"/>') + body))
    with pytest.raises(SourceError, match=said) as raised:
        cells(source, "DM", "SEX")
    assert (raised.value.table, raised.value.row) == ("DM", 2)
    assert raised.value.hint
    assert "secret" not in str(raised.value)


def test_a_change_in_one_group_costs_no_other(tmp_path: Path) -> None:
    changed = group('<ItemData ItemOID="SEX" TransactionType="Update"/>')
    source = opened(tmp_path, document(changed + group('<ItemData ItemOID="X" Value="1"/>', "LB")))
    assert cells(source, "LB", "X") == [("1",)]
    with pytest.raises(SourceError, match="holds changes"):
        cells(source, "DM", "SEX")


def test_text_that_is_not_in_its_encoding(tmp_path: Path) -> None:
    text = document(group('<ItemData ItemOID="SEX" Value="ü"/>')).encode("cp1252")
    with pytest.raises(SourceError, match="row 1: from this row on the file cannot be read"):
        cells(opened(tmp_path, text), "DM", "SEX")
    assert cells(opened(tmp_path, text, encoding="windows-1252"), "DM", "SEX") == [("ü",)]
    declared = b'<?xml version="1.0" encoding="windows-1252"?>' + text
    wide = text.decode("cp1252").encode("utf-16")
    for content, name in ((declared, "windows-1252"), (wide, "utf-16")):
        source = opened(tmp_path, content)
        assert cells(source, "DM", "SEX") == [("ü",)]
        assert {table.encoding for table in source.tables()} == {name}


# Random documents: what was written is what is read, however the file is cut into pieces.
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="￾￿"), max_size=8)
items = st.dictionaries(st.sampled_from(["SEX", "WT", "NEW"]), words, max_size=3)
participants = st.lists(st.lists(st.tuples(st.sampled_from(["DM", "LB"]), items), max_size=4), max_size=4)
Written = Sequence[Sequence[tuple[str, Mapping[str, str]]]]


def written(study: Written) -> str:
    def of_group(oid: str, values: Mapping[str, str]) -> str:
        inner = "".join(f'<ItemData ItemOID="{item}" Value={quoteattr(text)}/>' for item, text in values.items())
        return f'<ItemGroupData ItemGroupOID="{oid}">{inner}</ItemGroupData>'

    subjects = (
        f'<SubjectData SubjectKey="{i}"><StudyEventData StudyEventOID="E1"><FormData FormOID="F1">'
        f"{''.join(of_group(*one) for one in groups)}</FormData></StudyEventData></SubjectData>"
        for i, groups in enumerate(study)
    )
    return document("".join(subjects) or "<v:none/>")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(study=participants, chunk=st.integers(1, 64))
def test_whatever_was_written_is_read(tmp_path: Path, study: Written, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xml_stream, "_CHUNK", chunk)
        source = opened(tmp_path, written(study))
        tables = {one.name for one in source.tables()}
        for oid in ("DM", "LB"):
            expected = [
                (str(i), *(values.get(item, "").strip() for item in ("SEX", "WT", "NEW")))
                for i, groups in enumerate(study)
                for name, values in groups
                if name == oid
            ]
            assert (cells(source, oid, "SubjectKey", "SEX", "WT", "NEW") if oid in tables else []) == [
                (
                    who,
                    *(
                        value if name in columns_of(source, oid) else ""
                        for name, value in zip(("SEX", "WT", "NEW"), rest, strict=True)
                    ),
                )
                for who, *rest in expected
            ]
        assert len(cells(source, "SubjectData")) == len(study)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(study=participants, data=st.data())
def test_a_file_that_is_cut_short_is_never_taken_as_whole(tmp_path: Path, study: Written, data: st.DataObject) -> None:
    text = written(study).encode()
    cut = data.draw(st.integers(0, len(text) - 1))

    def read() -> None:
        source = opened(tmp_path, text[:cut], format="odm")
        for table in source.tables():
            cells(source, table.name, *table.columns)

    with pytest.raises(SourceError) as raised:
        read()
    assert raised.value.hint


def many(rows: int) -> Iterator[str]:
    yield document("<v:none/>").replace("</ClinicalData></ODM>", "")
    for i in range(rows):
        binary = f'<ItemDataBase64Binary ItemOID="NEW">{"QUJD" * 99}</ItemDataBase64Binary>'
        yield group(f'<ItemData ItemOID="SEX" Value="{i}"/>{binary}').replace('"P1"', f'"{i}"')
    yield "</ClinicalData></ODM>"


@pytest.mark.usefixtures("hosts_collector")
def test_ten_times_the_rows_take_the_same_memory(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.xml"
        with path.open("w") as file:
            file.writelines(many(rows))
        tracemalloc.start()
        try:
            source = open_source(path)
            assert sum(1 for _ in source.rows("DM", ("SEX", "NEW"))) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(300)
    assert peak(5000) < 1.1 * peak(500)


def test_seals_hold(tmp_path: Path) -> None:
    """A sealed column with its label and unit, a sealed table, sealed rows; and columns that only such rows have."""
    body = group('<ItemData ItemOID="SEX" Value="f"/><ItemData ItemOID="WT" Value="1"/>')
    body += group('<ItemData ItemOID="SEX" Value="m"/><ItemData ItemOID="KIT" Value="7"/>')
    body += group('<ItemData ItemOID="LOT" Value="7"/>', "EX")
    source = opened(tmp_path, document(body))
    sealed = SealedSource(source, Seals(frozenset({"EX"}), {"DM": ("WT",)}))
    [table] = [one for one in sealed.tables() if one.name == "DM"]
    assert table.columns == (*CONTEXT, "SEX", "KIT")
    assert "EX" not in {one.name for one in sealed.tables()}
    sealed = SealedSource(source, Seals(rows={"DM": (RowSeal("SEX", ("m",)),)}))
    [table] = [one for one in sealed.tables() if one.name == "DM"]
    assert table.columns == (*CONTEXT, "SEX", "WT", "WT:unit")
    assert [(number, values) for number, values in sealed.rows("DM", ("SEX", "KIT"))] == [(0, ("f", ""))]


def test_damage_behind_sealed_rows_does_not_tell_how_many(tmp_path: Path) -> None:
    said = set()
    for arm in (1, 5):
        body = group('<ItemData ItemOID="SEX" Value="m"/>') * arm + group("<x")
        sealed = SealedSource(opened(tmp_path, document(body)), Seals(rows={"DM": (RowSeal("SEX", ("m",)),)}))
        with pytest.raises(SourceError) as raised:
            list(sealed.rows("DM", ("WT",)))
        said.add((str(raised.value), raised.value.row))
    assert len(said) == 1


def event(key: int, *groups: str, attributes: str = "") -> str:
    where = f'StudyEventOID="E1" StudyEventRepeatKey="{key}" {attributes}'
    return f"<StudyEventData {where}><FormData FormOID='F1'>{''.join(groups)}</FormData></StudyEventData>"


def held(oid: str, **items: str) -> str:
    inner = "".join(f'<ItemData ItemOID="{item}" Value="{value}"/>' for item, value in items.items())
    return f'<ItemGroupData ItemGroupOID="{oid}">{inner}</ItemGroupData>'


EX = held("EX", DOSE="5")
SEALS = Seals(frozenset({"EX"}), {"DM": ("WT",)}, {"DM": (RowSeal("FormOID", ("x",)), RowSeal("sex:label", ("MALE",)))})


@pytest.mark.parametrize(
    "alone", [EX, EX + EX, held("DM", WT="70"), held("DM", SEX="male"), held("DM"), ""], ids=lambda text: text[:60]
)
def test_an_event_that_is_there_for_what_is_sealed_is_no_row(tmp_path: Path, alone: str) -> None:
    def seen(*events: str) -> tuple[object, ...]:
        body = f'<SubjectData SubjectKey="P1">{"".join(events)}</SubjectData>'
        source = opened(tmp_path, document(body))
        sealed = SealedSource(open_source(tmp_path / "study.xml", SourceOptions(seals=SEALS)), SEALS)
        assert len(list(source.rows("StudyEventData", []))) == len(events)
        [described] = [table for table in sealed.tables() if table.name == "StudyEventData"]
        return described, list(sealed.rows("StudyEventData", ["StudyEventRepeatKey", "status"]))

    rest = [event(1, EX, held("DM", SEX="f"), attributes='v:status="done"'), event(2, held("LB", CRP="1"))]
    expected = seen(*rest)
    assert expected[1] == [(1, ("1", "done")), (2, ("2", ""))]
    assert seen(event(7, alone, attributes='v:tells="B"'), rest[0], event(8, alone), rest[1], event(9)) == expected


def test_a_participant_is_a_row_whatever_is_sealed_of_them(tmp_path: Path) -> None:
    def seen(*subjects: tuple[str, str]) -> list[Row]:
        body = "".join(f'<SubjectData SubjectKey="{key}">{held}</SubjectData>' for key, held in subjects)
        opened(tmp_path, document(body))
        source = open_source(tmp_path / "study.xml", SourceOptions(seals=SEALS))
        return list(SealedSource(source, SEALS).rows("SubjectData", ["SubjectKey"]))

    told = event(1, held("DM", SEX="f"))
    expected = [(1, ("P2",)), (2, ("P2",)), (3, ("P1",)), (4, ("P3",))]
    assert seen(("P3", ""), ("P2", told), ("P1", ""), ("P2", told)) == expected
    only = event(1, EX)
    assert seen(("P2", only), ("P3", only), ("P3", only), ("P2", told), ("P1", only), ("P2", told + only)) == expected


def test_a_group_that_is_there_for_a_sealed_one_in_it_is_no_row(tmp_path: Path) -> None:
    def seen(*groups: str) -> list[Row]:
        opened(tmp_path, document(f'<SubjectData SubjectKey="P1">{event(1, *groups)}</SubjectData>', namespace=V2))
        source = open_source(tmp_path / "study.xml", SourceOptions(seals=SEALS))
        return list(SealedSource(source, SEALS).rows("VISIT", ["DAY"]))

    outer = held("VISIT", DAY="3")
    assert seen(held("VISIT"), outer.replace("</ItemGroupData>", f"{EX}</ItemGroupData>")) == [(1, ("3",))]
    assert seen(f'<ItemGroupData ItemGroupOID="VISIT">{EX}</ItemGroupData>', outer) == [(1, ("3",))]


@pytest.mark.parametrize(
    "group",
    [held("NEW", ARM="A"), held("NEW").replace("</ItemGroupData>", f"{EX}</ItemGroupData>")],
    ids=("item", "group"),
)
def test_a_group_that_only_what_is_sealed_shows_is_no_table(tmp_path: Path, group: str) -> None:
    def seen(*groups: str) -> list[str]:
        opened(tmp_path, document(f'<SubjectData SubjectKey="P1">{event(1, *groups)}</SubjectData>', namespace=V2))
        seals = Seals(frozenset({"EX"}), {"*": ("ARM",)})
        source = open_source(tmp_path / "study.xml", SourceOptions(seals=seals))
        return [table.name for table in SealedSource(source, seals).tables()]

    assert seen(group) == seen() == ["DM", "StudyEventData", "SubjectData"]
    assert seen(group, held("NEW", CRP="1")) == ["DM", "NEW", "StudyEventData", "SubjectData"]


def test_damage_in_a_form_of_an_event_does_not_name_the_sealed_item(tmp_path: Path) -> None:
    twice = '<ItemGroupData ItemGroupOID="DM"><ItemData ItemOID="WT" Value="1"/><ItemData ItemOID="WT" Value="1"/>'
    opened(tmp_path, document(f'<SubjectData SubjectKey="P1">{event(1, f"{twice}</ItemGroupData>")}</SubjectData>'))
    source = SealedSource(open_source(tmp_path / "study.xml", SourceOptions(seals=SEALS)), SEALS)
    with pytest.raises(SourceError) as caught:
        list(source.rows("StudyEventData", ["StudyEventOID"]))
    assert (caught.value.row, caught.value.column) == (1, None)

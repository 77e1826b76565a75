"""Transport files of a real study beside pyreadstat, another reader of them.

Not among the unit tests: it brings NumPy, whose random numbers Hypothesis would then keep for each of its cases.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyreadstat
import pytest

from fhir_msc.errors import SourceError
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.opening import SourceOptions, open_source
from fhir_msc.sources.xpt import XptTable, members

pytestmark = pytest.mark.shared

STUDY = "data/sdtm-msg-18subjects"
DOMAINS = (
    *("ae", "cm", "dd", "di", "dm", "ds", "ec", "ex", "fa", "ie", "lb", "mh", "oe", "qsph", "qssl"),
    *("relrec", "rs", "se", "suppdm", "suppec", "sv", "ta", "te", "ti", "ts", "tv", "vs"),
)
OBSERVATIONS = b"HEADER RECORD*******OBS     HEADER RECORD!!!!!!!"


def table_of(path: Path) -> XptTable:
    [table] = members(InputFile.at(path, path.name), None)
    return table


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_value_agrees_with_pyreadstat(domain: str, shared: Path) -> None:
    path = shared / STUDY / f"{domain}.xpt"
    data, meta = pyreadstat.read_xport(
        str(path), output_format="dict", disable_datetime_conversion=True, encoding="WINDOWS-1252"
    )
    table = table_of(path)
    assert table.table.name == domain.upper()
    assert set(table.table.columns) == set(data)
    assert dict(zip(table.table.columns, table.table.labels, strict=True)) == {
        name: label or "" for name, label in meta.column_names_to_labels.items()
    }
    names = list(data)
    rows = list(table.rows(names))
    assert [number for number, _ in rows] == list(range(1, meta.number_rows + 1))
    for position, name in enumerate(names):
        ours = [values[position] for _, values in rows]
        assert ours == [_spelled(value) for value in data[name]], name


def _spelled(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)


def test_a_file_cut_anywhere_is_an_error_or_ends_at_a_record(shared: Path, tmp_path: Path) -> None:
    content = (shared / STUDY / "dm.xpt").read_bytes()
    _, meta = pyreadstat.read_xport(str(shared / STUDY / "dm.xpt"), metadataonly=True, output_format="dict")
    length = sum(meta.variable_storage_width.values())
    start = content.index(OBSERVATIONS) + 80
    cuts = {*range(0, len(content), 41), *range(start, len(content), length), *range(start - 3, start + 3)}
    for cut in sorted(cuts):
        path = tmp_path / "x.xpt"
        path.write_bytes(content[:cut])
        if cut >= start and (cut - start) % length == 0:
            assert len(list(table_of(path).rows(["USUBJID"]))) == (cut - start) // length
        else:
            with pytest.raises(SourceError) as caught:
                list(table_of(path).rows(["USUBJID"]))
            if cut > start:
                assert caught.value.row == min((cut - start) // length, 18) + 1, cut


def test_dataset_json_as_written_by_python_is_the_same(shared: Path, tmp_path: Path) -> None:
    """Python writes every number as a float: 1.0, 0.26999999999999996."""
    columns, meta = pyreadstat.read_xport(str(shared / STUDY / "lb.xpt"), output_format="dict")
    kinds = {name: "double" if kind == "double" else "string" for name, kind in meta.readstat_variable_types.items()}
    head = {
        "datasetJSONVersion": "1.1.0",
        "records": len(columns["LBSEQ"]),
        "name": "LB",
        "columns": [{"name": name, "label": "", "dataType": kind} for name, kind in kinds.items()],
    }
    rows = [
        [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in cells]
        for cells in zip(*columns.values(), strict=True)
    ]
    spelled = {repr(cell) for row in rows for cell in row if isinstance(cell, float)}
    assert {"1.0", "0.26999999999999996"} <= spelled
    (tmp_path / "lb.ndjson").write_text("".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in (head, *rows)))
    written = open_source(tmp_path, SourceOptions(format="dataset-json"))
    of_xpt = open_source(shared / STUDY, SourceOptions(format="xpt"))
    names = tuple(kinds)
    assert list(written.rows("LB", names)) == list(of_xpt.rows("LB", names))

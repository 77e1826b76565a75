"""Bad input: a clear error that names the cell, nothing lost, no traceback; mended, all arrives, each once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import structlog

from fhir_msc.access import Surroundings
from fhir_msc.config import read_project
from fhir_msc.errors import SourceError
from fhir_msc.example import misle
from fhir_msc.pipeline import work
from fhir_msc.sandbox import SandboxServer
from fhir_msc.sources.files import InputFile
from fhir_msc.sync.outbox import UNREAD
from tests.support.exports import Domain, new_domain
from tests.support.ledgers import FakeTime
from tests.support.projects import Outcome, configure, fhir_msc, new_project
from tests.support.serverside import held, versions, wanted
from tests.support.tinystudy import DESIRED, STUDY, SUBJECTS, edited, tiny_study, with_row, without_row, write_study
from tests.support.xpt_edit import RawXpt

OUTCOMES = ("delivered", "merged", "held", "rejected", "withheld", "not-mapped")

Change = Callable[[Domain], Domain]


@pytest.fixture
def url() -> Iterator[str]:
    """A server of the test's own, so that whatever it holds is the project's."""
    with SandboxServer() as server:
        yield server.base_url


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """The unspoilt export."""
    return write_study(tmp_path / "export", tiny_study())


@pytest.fixture
def project(export: Path, url: str, tmp_path: Path) -> Path:
    """An unblinded project over the export: row numbers of all tables are named."""
    return new_project(tmp_path / "project", "sdtm", export, url, "--unblinded")


def spoil(export: Path, table: str, change: Change) -> None:
    study = tiny_study()
    write_study(export, {table: change(study[table])})


def mend(export: Path) -> None:
    write_study(export, tiny_study())


def sync(project: Path, code: int) -> dict[str, Any]:
    """One sync: its exit code, nothing on stderr, one JSON document on stdout, every row accounted for."""
    outcome = fhir_msc("sync", "--project", project, "--json")
    assert outcome.code == code, outcome.err or outcome.document["findings"]
    assert outcome.err == ""
    document: dict[str, Any] = outcome.document
    for table in document["tables"]:
        assert table["rows"] == sum(table[name] for name in OUTCOMES), table
    return document


def assert_whole(project: Path, url: str, *, left: int = 0) -> None:
    """One more sync ends clean, and the server holds exactly what is desired, each once; another one sends nothing.

    ``left`` resources came from keys that the mended source does not have any more: they stay, and are reported.
    """
    document = sync(project, 0)
    assert {name: document[name]["total"] for name in ("dead", "conflicts", "held", "waiting")} == {
        "dead": 0, "conflicts": 0, "held": 0, "waiting": 0
    }  # fmt: skip
    assert document["vanished"]["total"] == left
    there, desired = held(url), wanted(project)
    assert {key: there.get(key) for key in desired} == desired
    assert len(there) == len(desired) + left
    assert {name: sum(key.startswith(name + "/") for key in desired) for name in DESIRED} == DESIRED
    assert sync(project, 0)["delivery"] is None


def found(document: dict[str, Any], rule: str) -> list[dict[str, Any]]:
    return [one for one in document["findings"] if one["rule"] == rule]


def table_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in document["tables"] if one["table"] == name)


def staged(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in document["staging"] if one["table"] == name)


def assert_clear(outcome: Outcome, code: int, *said: str) -> None:
    """An error for people: its exit code, its words on stderr, no traceback and nothing internal."""
    assert outcome.code == code, outcome.out + outcome.err
    for words in said:
        assert words in outcome.err, outcome.err
    assert_quiet(outcome)


def assert_quiet(outcome: Outcome) -> None:
    for text in (outcome.out, outcome.err):
        assert "Traceback" not in text
        assert "internal error" not in text
    for subject in SUBJECTS:
        assert subject not in outcome.err


@dataclass(frozen=True)
class Cell:
    """A spoilt cell: what it is replaced with, and what must be said of it, and what becomes of its row."""

    table: str
    row: int
    column: str
    text: str
    code: int
    rule: str
    severity: str
    outcome: str
    once_per_column: bool = False
    left: int = 0
    """Resources that stay on the server because the cell is a part of their key."""


CELLS = {
    "a code that the pack does not know": Cell(
        "DM", 2, "SEX", "QX7Z", 1, "MSC-MAP-002", "error", "rejected"
    ),
    "a test without a standard code": Cell(
        "LB", 5, "LBTESTCD", "QX7Z", 0, "MSC-MAP-003", "information", "delivered", once_per_column=True, left=1
    ),
    "a unit that is not UCUM": Cell(
        "LB", 5, "LBORRESU", "furlong", 0, "MSC-UNIT-001", "warning", "delivered", once_per_column=True
    ),
    "a date that is none": Cell(
        "LB", 5, "LBDTC", "2021-13-45", 1, "MSC-MAP-001", "error", "rejected"
    ),
    "an infusion's date that is none": Cell(
        "EC", 3, "ECSTDTC", "2021-02-30", 1, "MSC-MAP-001", "error", "rejected"
    ),
    "a number of a visit that is none": Cell(
        "SV", 4, "VISITNUM", "QX7Z", 1, "MSC-MAP-001", "error", "rejected"
    ),
    "an empty cell where one must be filled": Cell(
        "LB", 5, "LBTESTCD", "", 1, "MSC-MAP-005", "error", "rejected"
    ),
    "a participant whom no table names": Cell(
        "AE", 2, "USUBJID", "TINY-QX7Z", 1, "MSC-MAP-007", "error", "rejected"
    ),
}  # fmt: skip


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_a_spoilt_cell_is_named_and_costs_its_row_alone(cell: Cell, project: Path, export: Path, url: str) -> None:
    spoil(export, cell.table, lambda domain: edited(domain, cell.row, **{cell.column: cell.text}))

    document = sync(project, cell.code)

    named = [one for one in found(document, cell.rule) if one["origins"][0].get("columns") == [cell.column]]
    assert [one["severity"] for one in named] == [cell.severity] * len(named)
    place = {"file": f"{cell.table.lower()}.xpt", "table": cell.table, "columns": [cell.column]}
    origin = place if cell.once_per_column else {**place, "row": cell.row}
    assert [origin] in [one["origins"] for one in named]
    assert all(one["hint"] for one in named)
    assert table_of(document, cell.table)[cell.outcome] >= 1

    report = fhir_msc("sync", "--project", project)
    assert report.code == cell.code
    words = f"{place['file']} [{cell.table}]" + ("" if cell.once_per_column else f" row {cell.row}")
    assert f"{words} column {cell.column}" in report.out
    assert "->" in report.out
    assert_quiet(report)
    shown = fhir_msc("sync", "--project", project, "--show-values")
    assert_quiet(shown)
    if cell.text:
        assert cell.text not in report.out
        assert cell.text in shown.out

    mend(export)
    assert_whole(project, url, left=cell.left)


def test_in_a_blind_project_a_row_is_named_by_its_key(export: Path, url: str, tmp_path: Path) -> None:
    project = new_project(tmp_path / "blind", "sdtm", export, url)
    spoil(export, "LB", lambda domain: edited(domain, 5, LBORRES="", LBTESTCD=""))
    [finding] = found(sync(project, 1), "MSC-MAP-005")
    [origin] = finding["origins"]
    assert "row" not in origin  # it would tell how many sealed rows stand before it
    assert origin["key"].startswith(SUBJECTS[1])
    mend(export)
    assert_whole(project, url)


def test_in_a_blind_project_a_qualifier_by_a_sealed_column_costs_itself(export: Path, url: str, tmp_path: Path) -> None:
    columns = ("STUDYID", "RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QLABEL", "QVAL")
    row = (STUDY, "EC", SUBJECTS[0], "ECSPID", "E1", "ECREASOC", "Reason", "FEVER")
    write_study(export, {"SUPPEC": new_domain("SUPPEC", columns, [row])})
    outcome = fhir_msc("validate", "--project", new_project(tmp_path / "blind", "sdtm", export, url), "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert "ECSPID" not in outcome.out
    assert table_of(outcome.document, "SUPPEC")["not-mapped"] == 1


def test_below_the_limit_of_detection_is_a_comparator(project: Path, export: Path, url: str) -> None:
    spoil(export, "LB", lambda domain: edited(domain, 4, LBORRES="<3.42"))
    sync(project, 0)
    assert held(url) == wanted(project)
    quantities: list[Any] = [body.get("valueQuantity") for key, body in held(url).items() if key.startswith("Obs")]
    [below] = [one for one in quantities if one and "comparator" in one]
    assert (below["comparator"], below["value"]) == ("<", Decimal("3.42"))
    mend(export)
    assert_whole(project, url)


def test_two_rows_with_one_key_are_told_apart_and_reported(project: Path, export: Path, url: str) -> None:
    spoil(export, "LB", lambda domain: with_row(domain, 5, LBORRES="77"))
    document = sync(project, 0)
    [finding] = found(document, "MSC-KEY-001")
    assert {origin["row"] for origin in finding["origins"]} == {5, 10}
    assert finding["hint"]
    assert table_of(document, "LB")["delivered"] == 10
    there = held(url)
    assert there == wanted(project)
    assert sum(key.startswith("Observation/") for key in there) == DESIRED["Observation"] + 1
    # In the other order they are the same two resources.
    spoil(export, "LB", lambda domain: with_row(edited(domain, 5, LBORRES="77"), 5, LBORRES="91"))
    assert sync(project, 0)["delivery"] is None


def test_equal_rows_are_one_resource(project: Path, export: Path, url: str) -> None:
    spoil(export, "LB", lambda domain: with_row(domain, 5))
    document = sync(project, 0)
    assert table_of(document, "LB")["merged"] == 1
    assert_whole(project, url)


def test_a_participant_without_consent_is_held_and_named(project: Path, export: Path, url: str) -> None:
    spoil(export, "DS", lambda domain: without_row(domain, 2))
    document = sync(project, 0)
    findings = found(document, "MSC-CONSENT-001")
    assert {(one["origins"][0]["table"], one["severity"]) for one in findings} == {
        (name, "warning") for name in ("DM", "SV", "EC", "LB", "VS", "AE")
    }
    assert sum(one["count"] for one in findings) == sum(table["held"] for table in document["tables"]) == 9
    assert all("consent" in one["hint"] for one in findings)
    assert held(url) == wanted(project)
    assert sum(key.startswith("Patient/") for key in held(url)) == 2
    assert SUBJECTS[1] not in str(held(url))
    mend(export)
    assert_whole(project, url)


def test_a_corrected_date_of_an_infusion_doubles_nothing(project: Path, export: Path, url: str) -> None:
    sync(project, 0)
    before = held(url)
    spoil(export, "EC", lambda domain: edited(domain, 2, ECSTDTC="2021-02-05"))
    document = sync(project, 0)
    [finding] = found(document, "MSC-SYNC-001")
    [origin] = finding["origins"]
    assert (origin["file"], origin["row"]) == ("ec.xpt", 2)
    assert "ECSTDTC" in origin["columns"]
    assert "a person decides" in finding["hint"]
    assert table_of(document, "EC")["held"] == 1
    assert (document["held"]["total"], document["vanished"]["total"]) == (1, 1)
    assert document["delivery"] is None
    assert held(url) == before  # the old one stays, the new one is not there
    mend(export)
    assert_whole(project, url)
    assert set(versions(url).values()) == {"1"}


# -- whole tables and files ------------------------------------------------------------------------------------------


def lacks(table: str, column: str) -> Callable[[Path], None]:
    return lambda export: spoil(export, table, lambda domain: domain.without([column]))


def no_rows(table: str) -> Callable[[Path], None]:
    return lambda export: spoil(export, table, lambda domain: replace(domain, rows=()))


def cut(table: str, records: int, more: int) -> Callable[[Path], None]:
    """Cuts a transport file ``more`` bytes behind so many records."""

    def change(export: Path) -> None:
        path = export / f"{table.lower()}.xpt"
        raw = RawXpt.read(path)
        path.write_bytes(path.read_bytes()[: len(raw.head) + records * len(raw.records[0]) + more])

    return change


def truncated(table: str, size: int) -> Callable[[Path], None]:
    def change(export: Path) -> None:
        path = export / f"{table.lower()}.xpt"
        path.write_bytes(path.read_bytes()[:size])

    return change


def gone(table: str) -> Callable[[Path], None]:
    return lambda export: (export / f"{table.lower()}.xpt").unlink()


WITHOUT_PARTICIPANTS = {"study", "DM", "DS", "SV", "EC", "LB", "VS", "AE"}

UNREADABLE = {
    "a column that must be there is missing": (
        lacks("LB", "LBTESTCD"), {"LB"}, ("lb.xpt, table LB, column LBTESTCD: the column is missing", "Export")
    ),
    "the participants' identifiers are missing": (
        lacks("DM", "USUBJID"), WITHOUT_PARTICIPANTS, ("dm.xpt, table DM, column USUBJID", "Export")
    ),
    "cut inside a record": (
        cut("LB", 4, 7), {"LB"}, ("lb.xpt, table LB, row 5: the file ends inside this row", "export or copy it again")
    ),
    "cut inside the last record": (
        cut("LB", 8, 1), {"LB"}, ("lb.xpt, table LB, row 9: the file ends inside this row", "export or copy it again")
    ),
    "the participants cut inside a record": (
        cut("DM", 1, 7), WITHOUT_PARTICIPANTS, ("dm.xpt, table DM, row 2: the file ends inside", "copy it again")
    ),
    "the consents cut inside a record": (
        cut("DS", 1, 7), WITHOUT_PARTICIPANTS, ("ds.xpt, table DS, row 2: the file ends inside", "copy it again")
    ),
    "cut inside the header": (truncated("LB", 1000), {"LB"}, ("lb.xpt: has a header that is cut short", "again")),
    "an empty file": (truncated("LB", 0), {"LB"}, ("lb.xpt: is empty", "Export it again")),
    "no transport file": (
        lambda export: (export / "lb.xpt").write_bytes(b"<html>Please log in</html>" * 40),
        {"LB"},
        ("lb.xpt: is not a SAS transport file", "again"),
    ),
    "an empty file of participants": (truncated("DM", 0), WITHOUT_PARTICIPANTS, ("dm.xpt: is empty", "Export")),
    "a table of participants without rows": (
        no_rows("DM"), WITHOUT_PARTICIPANTS, ("dm.xpt, table DM: has no rows, though", "Give the table")
    ),
    "no table of participants": (
        gone("DM"), WITHOUT_PARTICIPANTS - {"DM"}, ("DM: is not in the source, though", "Give the table")
    ),
}  # fmt: skip


@pytest.mark.parametrize(("ruin", "failed", "said"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_an_error_and_nothing_vanishes(
    ruin: Callable[[Path], None], failed: set[str], said: tuple[str, ...], project: Path, export: Path, url: str
) -> None:
    sync(project, 0)
    before = held(url)
    ruin(export)
    others_go_on = "VS" not in failed
    if others_go_on:
        spoil(export, "VS", lambda domain: edited(domain, 1, VSORRES="38.25"))

    document = sync(project, 3)

    assert {one["table"] for one in document["staging"] if one["outcome"] == "failed"} == failed
    for one in document["staging"]:
        for words in said if one["table"] in failed else ():
            assert words in one["error"]
    assert document["vanished"]["total"] == 0
    assert not found(document, "MSC-SYNC-003")
    after = held(url)
    assert set(after) == set(before)
    changed = {key for key in before if after[key] != before[key]}
    assert {key.partition("/")[0] for key in changed} == ({"Observation"} if others_go_on else set())
    assert len(changed) == (1 if others_go_on else 0)

    report = fhir_msc("sync", "--project", project)
    assert report.code == 3
    assert_quiet(report)
    for words in said:
        assert words in report.out
    checked = fhir_msc("validate", "--project", project, "--json")
    assert checked.code == 3
    [error] = checked.document["unreadable"]  # said once, however many tables suffer from it
    for words in said:
        assert words in error

    mend(export)
    assert_whole(project, url)


@pytest.mark.parametrize("ruin", [no_rows("LB"), gone("LB")], ids=["no rows", "no file"])
def test_a_table_that_is_empty_or_missing_does_not_count_as_vanished_rows(
    ruin: Callable[[Path], None], project: Path, export: Path, url: str
) -> None:
    sync(project, 0)
    before = held(url)
    ruin(export)
    document = sync(project, 0)
    [finding] = found(document, "MSC-SYNC-002")
    assert (finding["origins"][0]["table"], finding["count"]) == ("LB", 9 + 6)
    assert document["vanished"]["total"] == 0
    assert held(url) == before
    mend(export)
    assert_whole(project, url)
    assert set(versions(url).values()) == {"1"}


@pytest.mark.parametrize("table", ["DS", "SV"])
@pytest.mark.parametrize("ruin", [no_rows, gone], ids=["no rows", "no file"])
def test_without_consents_or_visits_nothing_is_judged_anew(
    ruin: Callable[[str], Callable[[Path], None]], table: str, project: Path, export: Path, url: str
) -> None:
    sync(project, 0)
    before = held(url)
    ruin(table)(export)
    spoil(export, "VS", lambda domain: edited(domain, 1, VSORRES="38.25"))
    document = sync(project, 3)
    errors = {one["error"] for one in document["staging"] if one["outcome"] == "failed"}
    assert len(errors) == 1
    assert f"table {table}: is not in the source or has no rows, though" in errors.pop()
    assert document["vanished"]["total"] == 0
    assert held(url) == before
    mend(export)
    assert_whole(project, url)
    assert set(versions(url).values()) == {"1"}


def test_what_waits_of_a_missing_table_waits_until_it_can_be_judged(project: Path, export: Path, url: str) -> None:
    """The server was down; then a consent is gone from the source, and the results are missing in the same export."""
    gone("LB")(export)
    sync(project, 0)
    before = held(url)
    mend(export)
    configure(project, "^(url = .*)$", r'\1\nproxy = "http://127.0.0.1:9"')
    assert fhir_msc("sync", "--project", project).code == 5
    configure(project, "^proxy = .*\n", "")
    spoil(export, "DS", lambda domain: without_row(domain, 1))
    gone("LB")(export)
    document = sync(project, 0)
    assert document["skipped"]["total"] == 9 + 6
    assert {one["reason"] for one in document["skipped"]["first"]} == {UNREAD}
    assert held(url).keys() == before.keys()
    mend(export)
    assert_whole(project, url)


def test_the_worker_looks_again_at_a_table_that_could_not_be_read(
    project: Path, export: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rights, or its disk, are as they should be a moment later, and nothing of that shows in its time or size."""
    sync(project, 0)
    before = held(url)
    spoil(export, "LB", lambda domain: edited(domain, 1, LBORRES="5.55"))
    time = FakeTime(stop_after=4)
    opened = InputFile.open

    def failing(file: InputFile) -> AbstractContextManager[BinaryIO]:
        if not time.waits and file.name == "lb.xpt":
            raise SourceError("cannot be read", file=file.name)
        return opened(file)

    monkeypatch.setattr(InputFile, "open", failing)
    with structlog.testing.capture_logs() as lines:
        assert work(read_project(project), Surroundings(clock=time, stop=time, random=lambda: 0.0)) == 2
    unread = [(line["table"], line["error"]) for line in lines if line["event"] == "table unreadable"]
    assert unread == [("LB", "SourceError")]
    assert sum(body != before[key] for key, body in held(url).items()) == 1


def test_a_file_cut_at_the_end_of_a_record_is_reported_and_nothing_retired(
    project: Path, export: Path, url: str
) -> None:
    sync(project, 0)
    before = held(url)
    cut("LB", 4, 0)(export)
    document = sync(project, 0)
    [finding] = found(document, "MSC-SYNC-003")
    assert (finding["origins"][0]["file"], finding["severity"], finding["count"]) == ("lb.xpt", "warning", 5 + 3)
    assert "cut short" in finding["hint"]
    assert staged(document, "LB")["vanished"] == document["vanished"]["total"] == 5 + 3
    # All is there still; the report of whose two results one was cut off names the other, until the file is whole.
    there = held(url)
    assert there.keys() == before.keys()
    [report] = [key for key in before if there[key] != before[key]]
    assert report.startswith("DiagnosticReport/")
    mend(export)
    assert_whole(project, url)
    assert {key for key, version in versions(url).items() if version != "1"} == {report}


def test_wherever_a_file_is_cut_nothing_breaks(project: Path, export: Path) -> None:
    whole = (export / "lb.xpt").read_bytes()
    for size in [*range(0, len(whole), 97), len(whole) - 1]:
        (export / "lb.xpt").write_bytes(whole[:size])
        outcome = fhir_msc("validate", "--project", project, "--json")
        assert_quiet(outcome)
        lab = [one["rows"] for one in outcome.document["tables"] if one["table"] == "LB"]
        assert (outcome.code, lab) == (3, []) or (outcome.code == 0 and lab[0] <= 9), size


def test_an_empty_folder_is_an_error_of_the_source(project: Path, export: Path, url: str) -> None:
    sync(project, 0)
    for path in export.iterdir():
        path.unlink()
    assert_clear(fhir_msc("sync", "--project", project, "--json"), 3, "export: holds no xpt file", "Check the path")
    mend(export)
    assert_whole(project, url)


# -- text in another encoding ----------------------------------------------------------------------------------------


def as_csv(folder: Path) -> Path:
    folder.mkdir()
    for name, domain in tiny_study().items():
        text = io.StringIO()
        csv.writer(text).writerows([domain.names, *[[cell.decode() for cell in row] for row in domain.rows]])
        (folder / f"{name}.csv").write_text(text.getvalue(), "utf-8")
    return folder


def test_bytes_that_are_not_the_declared_encoding_are_named(
    project: Path, export: Path, url: str, tmp_path: Path
) -> None:
    folder = as_csv(tmp_path / "csv")
    configure(project, r'^source = ".*"$', f'source = "../{folder.name}"')
    configure(project, r'^format = ".*"$', 'format = "csv"\nencoding = "utf-8"')
    sync(project, 0)
    before = held(url)
    good = (folder / "LB.csv").read_bytes()
    lines = good.splitlines(keepends=True)
    (folder / "LB.csv").write_bytes(b"".join([*lines[:4], lines[4].replace(b"Albumin", b"Album\xefn"), *lines[5:]]))

    document = sync(project, 3)

    error = staged(document, "LB")["error"]
    assert "LB.csv, table LB, row 4, column LBTEST: holds bytes that are not utf-8" in error
    assert "Export it as UTF-8, or declare the encoding" in error
    assert document["vanished"]["total"] == 0
    assert held(url) == before
    (folder / "LB.csv").write_bytes(good)
    assert_whole(project, url)


def test_a_redcap_export_in_another_encoding_is_named_by_row_and_column(url: str, tmp_path: Path) -> None:
    export = tmp_path / "edc"
    for name, content in misle.generate(participants=3, screen_failures=1).items():
        if name.startswith("edc/"):
            export.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
    project = new_project(tmp_path / "project", "misle-redcap", export, url)
    configure(project, r'^format = ".*"$', 'format = "redcap"\nencoding = "utf-8"')
    records = tmp_path / misle.RECORDS
    good = records.read_bytes()
    first = sync(project, 0)
    before = held(url)
    columns = next(csv.reader(io.StringIO(good.decode())))
    rows = list(csv.reader(io.StringIO(good.decode())))[1:]
    row = next(i for i, one in enumerate(rows) if one[columns.index("ae_term")])
    term = rows[row][columns.index("ae_term")].encode()
    at = good.index(term, sum(len(line) for line in good.splitlines(keepends=True)[: row + 1]))
    records.write_bytes(good[:at] + b"\xff" + good[at + 1 :])

    document = sync(project, 3)

    errors = {one["error"] for one in document["staging"] if one["outcome"] == "failed"}
    assert len(errors) == 1
    [error] = errors
    assert f"row {row + 1}, column ae_term" in error
    assert misle.RECORDS.rpartition("/")[2] in error
    assert "utf-8" in error
    assert document["vanished"]["total"] == 0
    assert held(url) == before
    records.write_bytes(good)
    assert sync(project, 0)["resources"] == first["resources"]
    assert held(url) == before


# -- what the user wrote ---------------------------------------------------------------------------------------------


def test_another_secret_than_the_ledgers_is_refused(project: Path, url: str) -> None:
    sync(project, 0)
    before = held(url)
    secret = project / "secret"
    right = secret.read_text()
    secret.write_text("0" * 64 + "\n")
    outcome = fhir_msc("sync", "--project", project)
    assert_clear(outcome, 2, "another secret than the ledger's", "restore the secret")
    assert "0" * 64 not in outcome.err
    assert held(url) == before
    secret.write_text(right)
    assert_whole(project, url)


def test_a_secret_that_others_can_read_is_refused(project: Path, url: str) -> None:
    secret = project / "secret"
    secret.chmod(0o644)
    outcome = fhir_msc("sync", "--project", project)
    assert_clear(outcome, 2, "open to other users (mode 0644)", "chmod 600", "secret")
    assert secret.read_text().strip() not in outcome.err
    secret.chmod(0o600)
    assert_whole(project, url)


@pytest.mark.parametrize(
    ("pattern", "replacement", "code", "said"),
    [
        (r"^blind = false$", "blnd = false", 2, ("fhir-msc.toml:", "unknown word 'blnd'", "did you mean 'blind'?")),
        (r"^masking = .*$", 'maskign = "double"', 2, ("fhir-msc.toml:", "'maskign'", "did you mean 'masking'?")),
        (r"^blind = false$", 'blind = "perhaps"', 2, ("fhir-msc.toml:", "project.blind")),
        (r"^status = .*$", 'status = "running"', 2, ("fhir-msc.toml:", "study.status", "'active'")),
        (r"^# zone = .*$", 'zone = "Mars/Olympus"', 2, ("fhir-msc.toml:", "project.zone", "America/New_York")),
        (r"^source = .*$", 'source = "../elsewhere"', 3, ("elsewhere: is not there", "Check the path")),
        (r"^url = .*$", 'url = "fhir.example.org"', 2, ("fhir-msc.toml:", "http")),
        (r"^connections = 2$", "connections = 0", 2, ("fhir-msc.toml:", "connections", "greater than or equal to 1")),
        (r"^interval = 60$", "interval 60", 2, ("fhir-msc.toml:",)),
        (r'^secret = "file:secret"$', 'secret = "file:lost"', 2, ("lost", "No such file", "would double")),
        (r'^secret = "file:secret"$', 'secret = "hunter2"', 2, ("env:NAME, file:PATH or cmd:COMMAND",)),
        (r"^pack = .*$", 'pack = "sdmt"', 2, ("sdmt", "sdtm")),
    ],
)
def test_a_wrong_word_in_the_config_is_named_by_its_line(
    pattern: str, replacement: str, code: int, said: tuple[str, ...], project: Path, url: str
) -> None:
    path = project / "fhir-msc.toml"
    right = path.read_text()
    configure(project, pattern, replacement)
    line = path.read_text().splitlines().index(replacement) + 1
    for command in ("sync", "validate", "map"):
        outcome = fhir_msc(command, "--project", project)
        assert_clear(outcome, code, *said)
        assert outcome.out == ""
        if "fhir-msc.toml:" in said:
            assert f"fhir-msc.toml:{line}" in outcome.err
        assert "hunter2" not in outcome.err
    assert held(url) == {}
    path.write_text(right)
    assert fhir_msc("validate", "--project", project).code == 0


def test_a_pack_with_a_misspelt_word_is_named_by_line_and_column(project: Path, url: str, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    for path in (Path("mappings") / "sdtm").iterdir():
        (pack / path.name).write_bytes(path.read_bytes())
    configure(project, r"^pack = .*$", 'pack = "../pack"')
    text = (pack / "lb.yaml").read_text("utf-8")
    (pack / "lb.yaml").write_text(text.replace("\ncorrectable:", "\ncorectable:"), "utf-8")
    line = (pack / "lb.yaml").read_text("utf-8").splitlines().index("corectable: [LBDTC]") + 1
    said = (f"lb.yaml:{line}:1", "'corectable'", "did you mean 'correctable'?")
    assert_clear(fhir_msc("sync", "--project", project, "--json"), 2, *said)
    assert_clear(fhir_msc("mapping", "check", pack), 2, *said)
    assert held(url) == {}
    (pack / "lb.yaml").write_text(text, "utf-8")
    assert_whole(project, url)

"""A possible correction is settled by a person: the same, which keeps its id, or something new. The audit has it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.sandbox import SandboxServer
from tests.support.exports import Domain
from tests.support.projects import fhir_msc, new_project
from tests.support.serverside import held, versions
from tests.support.tinystudy import edited, tiny_study, with_row, write_study


@pytest.fixture
def url() -> Iterator[str]:
    with SandboxServer() as server:
        yield server.base_url


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_study(tmp_path / "export", tiny_study())


@pytest.fixture
def project(export: Path, url: str, tmp_path: Path) -> Path:
    """A project whose first sync is done, and in whose export the date of an infusion was corrected since."""
    folder = new_project(tmp_path / "project", "sdtm", export, url, "--unblinded")
    sync(folder)
    lay(export, "2021-02-05")
    sync(folder)
    return folder


def lay(export: Path, date: str) -> None:
    write_study(export, {"EC": edited(tiny_study()["EC"], 2, ECSTDTC=date)})


def sync(project: Path, code: int = 0) -> Any:
    outcome = fhir_msc("sync", "--project", project, "--json")
    assert outcome.code == code, outcome.out + outcome.err
    return outcome.document


def sent(document: Any) -> tuple[int, int]:
    delivery = document["delivery"]
    return (0, 0) if delivery is None else (delivery["created"], delivery["updated"])


def listed(project: Path) -> list[Any]:
    found: list[Any] = fhir_msc("corrections", "--project", project, "--json").document["held"]
    return found


def settle(project: Path, key: str, answer: str) -> None:
    outcome = fhir_msc("corrections", key, answer, "--reason", "query 17", "--by", "dm", "--project", project)
    assert outcome.code == 0, outcome.err


def infusions(url: str) -> dict[str, Any]:
    return {key: one["effectiveDateTime"] for key, one in held(url).items() if key.startswith("MedicationAdm")}


def test_the_same_keeps_its_id(project: Path, export: Path, url: str) -> None:
    before = infusions(url)
    (one,) = listed(project)
    assert (one["type"], one["origins"][0]["row"]) == ("MedicationAdministration", 2)
    assert one["vanishedOrigins"][0]["row"] == 2
    told = fhir_msc("corrections", "--project", project).out
    assert one["key"] in told
    assert "--same" in told

    settle(project, f"MedicationAdministration/{one['key']}", "--same")
    document = sync(project)

    assert sent(document) == (0, 1)
    assert (document["held"]["total"], document["vanished"]["total"]) == (0, 0)
    assert listed(project) == []
    after = infusions(url)
    assert after.keys() == before.keys()
    place = f"MedicationAdministration/{one['vanished']}"
    assert str(after[place]).startswith("2021-02-05")
    assert versions(url)[place] == "2"
    assert sent(sync(project)) == (0, 0)

    # Corrected once more: the question comes again, and the first id goes on.
    lay(export, "2021-02-06")
    sync(project)
    (again,) = listed(project)
    assert again["vanished"] == one["vanished"]
    settle(project, again["key"], "--same")
    assert sent(sync(project)) == (0, 1)
    assert infusions(url).keys() == before.keys()
    assert versions(url)[place] == "3"
    assert fhir_msc("audit", "verify", "--project", project).code == 0


def test_something_new_goes_as_such_and_is_not_asked_again(project: Path, export: Path, url: str) -> None:
    before = infusions(url)
    (one,) = listed(project)
    settle(project, one["key"], "--new")
    # Another row of the table changes meanwhile, so that it is staged again.
    study = tiny_study()
    write_study(export, {"EC": edited(edited(study["EC"], 2, ECSTDTC="2021-02-05"), 1, ECROUTE="ORAL")})
    document = sync(project)
    assert sent(document)[0] == 1
    assert document["held"]["total"] == 0
    assert document["vanished"]["total"] == 1
    assert infusions(url).keys() == before.keys() | {f"MedicationAdministration/{one['key']}"}
    assert sent(sync(project)) == (0, 0)


@pytest.mark.parametrize("answers", [("--same", "--new"), ("--new", "--same"), ("--same", "--same")])
def test_the_last_answer_before_the_next_sync_counts(answers: tuple[str, str], project: Path, url: str) -> None:
    before = infusions(url)
    (one,) = listed(project)
    settle(project, one["key"], answers[0])
    if answers[0] == "--same":
        settle(project, one["key"], answers[1])
        expected = (1, 0) if answers[1] == "--new" else (0, 1)
    else:
        refused = fhir_msc("corrections", one["key"], answers[1], "--reason", "query 18", "--project", project)
        assert refused.code == 2  # it is held no more
        expected = (1, 0)
    assert sent(sync(project)) == expected
    assert len(infusions(url)) == len(before) + expected[0]


def test_an_earlier_row_that_returns_takes_the_answer_back(project: Path, export: Path, url: str) -> None:
    before = infusions(url)
    (one,) = listed(project)
    settle(project, one["key"], "--same")
    sync(project)
    # Both rows are in the export: they were two after all, and neither is lost.
    both = with_row(tiny_study()["EC"], 2, ECSTDTC="2021-02-05")
    write_study(export, {"EC": both})
    assert sent(sync(project)) == (1, 1)
    after = infusions(url)
    assert after == {
        **before,
        f"MedicationAdministration/{one['key']}": after[f"MedicationAdministration/{one['key']}"],
    }
    assert sent(sync(project)) == (0, 0)
    assert fhir_msc("audit", "verify", "--project", project).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("o0",), "an answer is --same or --new, with a --reason"),
        (("o0", "--same"), "with a --reason"),
        (("o0", "--same", "--new", "--reason", "x"), "an answer is --same or --new"),
        (("o0", "--same", "--reason", "x"), "no key of this name is held"),
    ],
)
def test_half_an_answer_is_none(arguments: tuple[str, ...], said: str, project: Path) -> None:
    outcome = fhir_msc("corrections", *arguments, "--project", project)
    assert outcome.code == 2
    assert said in outcome.err
    assert len(listed(project)) == 1


def test_a_flipped_byte_in_the_audit(project: Path, tmp_path: Path) -> None:
    assert fhir_msc("audit", "verify", "--project", tmp_path).code == 2
    whole = fhir_msc("audit", "verify", "--project", project, "--json").document
    assert whole["rows"] > 10
    assert whole["brokenAt"] is None
    with sqlite3.connect(project / "state" / "ledger.db") as database:
        database.execute("DROP TRIGGER audit_no_update")
        database.execute("UPDATE audit SET version = '9' WHERE id = 7")
    broken = fhir_msc("audit", "verify", "--project", project)
    assert broken.code == 1
    assert "row 7 is not what was written" in broken.out


def under(domain: Domain, name: str) -> Domain:
    """The same rows in a table of another name."""
    columns = [replace(one, name=one.name.replace(domain.name, name, 1)) for one in domain.columns]
    cells = {"DOMAIN": name.encode()}
    rows = [tuple(cells.get(one.name, cell) for one, cell in zip(columns, row, strict=True)) for row in domain.rows]
    return Domain(name, tuple(columns), tuple(rows))


def rename(export: Path) -> None:
    """The sponsor gives the infusions as EX from now on, not as EC."""
    domain = tiny_study()["EC"]
    (export / "ec.xpt").unlink()
    write_study(export, {"EX": under(domain, "EX")})


def test_a_table_of_another_name_doubles_no_infusion(export: Path, url: str, tmp_path: Path) -> None:
    project = new_project(tmp_path / "project", "sdtm", export, url, "--unblinded")
    sync(project)
    before = infusions(url)
    rename(export)
    document = sync(project)
    assert sent(document) == (0, 0)
    assert infusions(url) == before
    found = listed(project)
    assert {one["origins"][0]["table"] for one in found} == {"EX"}
    assert len(found) == len({one["vanished"] for one in found}) == len(before)
    assert any("may be" in one["message"] and "table EC" in one["message"] for one in document["findings"])
    sync(project)
    assert len(listed(project)) == len(before), "nor are they let go by the next sync"

    for one in found[1:]:
        settle(project, one["key"], "--same")
    settle(project, found[0]["key"], "--new")
    assert sent(sync(project))[0] == 1
    assert len(infusions(url)) == len(before) + 1
    assert listed(project) == []

"""The real SDTM study as it is, or made larger: more rows of the same participants, or more participants."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from tests.support.projects import new_project
from tests.support.xpt_edit import RawXpt

ZONE = "America/New_York"
EVENTS = ("ae", "ec", "ex", "lb", "vs")
"""The tables with many rows of each participant that become resources."""

_YEARS_APART = 4  # a leap day stays one


def write_study(
    source: Path,
    folder: Path,
    *,
    participants: int | None = None,
    rows: int = 1,
    of: Collection[str] = EVENTS,
    cohorts: int = 1,
) -> Path:
    """Writes the study's transport files.

    Of its participants the first so many are kept. ``rows``: the rows of the tables in ``of`` are there so many times,
    each time four years later. ``cohorts``: all participants are there so many times, under other ids.
    """
    folder.mkdir(parents=True)
    people = RawXpt.read(source / "dm.xpt")
    kept = [people.text(record, "USUBJID") for record in people.records][:participants]
    for path in sorted(source.glob("*.xpt")):
        table = RawXpt.read(path)
        if "USUBJID" not in table.variables:
            shutil.copy(path, folder)
            continue
        table.records = [record for record in table.records if table.text(record, "USUBJID") in kept]
        if path.stem in of:
            table.records = [later for copy in range(rows) for later in _later(table, copy)]
        table.records = [other for cohort in range(cohorts) for other in _other(table, cohort)]
        table.write(folder / path.name)
    return folder


def new_trial(folder: Path, study: Path, url: str, *, blind: bool = True) -> Path:
    """A project over a study, with a namespace, an identity and a secret of its own."""
    return new_project(folder, "sdtm", study, url, "--zone", ZONE, *([] if blind else ["--unblinded"]))


def _later(table: RawXpt, copy: int) -> list[bytes]:
    if copy == 0 or not table.records:
        return table.records
    domain = table.text(table.records[0], "DOMAIN")  # of a part of QS it is QS
    dates = [name for name in table.variables if name.endswith("DTC")]
    found = []
    for number, record in enumerate(table.records, 1):
        for name in dates:
            text = table.text(record, name)
            if text[:4].isdigit():
                record = table.with_text(record, name, f"{int(text[:4]) + _YEARS_APART * copy:04}{text[4:]}")
        found.append(table.with_integer(record, f"{domain}SEQ", copy * 100_000 + number))
    return found


def _other(table: RawXpt, cohort: int) -> list[bytes]:
    if cohort == 0:
        return table.records
    return [
        table.with_text(record, "USUBJID", f"{cohort:04}{table.text(record, 'USUBJID')[-4:]}")
        for record in table.records
    ]

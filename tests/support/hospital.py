"""A hospital that works on our resources beside us: a project with one participant, its export, and the server."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fhir_msc.example.misle import RECORDS, generate
from tests.support.projects import fhir_msc, new_project
from tests.support.serverview import ServerView, plain

Rows = list[dict[str, str]]

_EVENTS = ("screening_arm_1", "baseline_arm_1", "week_1_arm_1", "ongoing_arm_1")


class Hospital:
    """A project with one participant, its export, and the server that the hospital works on too."""

    def __init__(self, folder: Path, url: str) -> None:
        for name, content in generate(participants=1, screen_failures=0).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.records = folder / RECORDS
        self._edit(lambda rows: [row for row in rows if row["redcap_event_name"] in _EVENTS])
        self.project = new_project(folder / "project", "misle-redcap", self.records.parent, url, "--zone", "UTC")
        self.view = ServerView(url)
        self._folder = folder

    def _edit(self, change: Callable[[Rows], Rows]) -> None:
        with self.records.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            header, rows = list(reader.fieldnames or ()), change(list(reader))
        with self.records.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, header, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def correct(self, column: str, value: str, event: str = "baseline_arm_1") -> None:
        """Somebody corrects a cell in the EDC."""

        def change(rows: Rows) -> Rows:
            (row,) = [row for row in rows if row["redcap_event_name"] == event]
            assert row[column] != value
            row[column] = value
            return rows

        self._edit(change)

    def sync(self, code: int = 0) -> Any:
        """One sync, its document."""
        outcome = fhir_msc("sync", "--project", self.project, "--json")
        assert outcome.code == code, outcome.out + outcome.err
        return outcome.document

    def bodies(self) -> dict[str, str]:
        """What the source gives, as it would be sent, by ``Type/id``."""
        output = self._folder / "desired.ndjson"
        assert fhir_msc("map", "--project", self.project, "--output", output).code == 0
        return {place_of(body): body for body in output.read_text("utf-8").splitlines()}

    def desired(self) -> dict[str, str]:
        """What the source gives, as bodies are compared."""
        return {place: plain(body) for place, body in self.bodies().items()}

    def observation(self, code: str, value: str) -> str:
        """Where the Observation with this code and this value stands."""
        (place,) = [
            place
            for place, body in self.desired().items()
            if f'"code": "{code}"' in body and f'"value": "{value}"' in body
        ]
        return place

    def stored(self) -> dict[str, str]:
        """What the server holds of what the source gives."""
        return {place: content for place, (_, content) in self.view.these(self.desired()).items()}


def place_of(body: str) -> str:
    """``Type/id`` of a body."""
    resource = json.loads(body)
    return f"{resource['resourceType']}/{resource['id']}"

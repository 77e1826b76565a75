"""What exports in ODM-XML hold, counted with the standard library alone: the tests' second count.

Nothing of fhir_msc is imported. ``python -m tests.support.expected_odm FILE`` prints the figures.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

REDCAP = "{https://projectredcap.org}"
_ON_EVERY_ROW = {"redcap_data_access_group"}


@dataclass
class Counts:
    """Rows by table, filled cells by item, ticked boxes, and the items of each row by table."""

    participants: list[str] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    """(participant, event), in their order, each once."""
    rows: Counter[str] = field(default_factory=Counter)
    cells: Counter[str] = field(default_factory=Counter)
    ticked: Counter[str] = field(default_factory=Counter)
    filled: list[set[str]] = field(default_factory=list)
    """Per row the items that are filled."""

    def any_of(self, items: Sequence[str]) -> int:
        """In how many rows one of these items is filled."""
        return sum(not row.isdisjoint(items) for row in self.filled)


def counts(path: Path) -> Counts:
    """Counts one file: REDCap's forms as its CSV export has them, else groups of items, participants and events."""
    root = ElementTree.parse(path).getroot()
    found = Counts()
    is_redcap = root.get("SourceSystem") == "REDCap"
    for subject in _named(root, "SubjectData"):
        participant = subject.get("SubjectKey", "")
        found.participants.append(participant)
        for event in _named(subject, "StudyEventData"):
            name = event.get(f"{REDCAP}UniqueEventName", event.get("StudyEventOID", ""))
            if (participant, name) not in found.events:
                found.events.append((participant, name))
        if not is_redcap:
            found.rows["SubjectData"] += 1
            found.rows["StudyEventData"] += sum(1 for _ in _named(subject, "StudyEventData"))
        for row in _named(subject, "FormData" if is_redcap else "ItemGroupData"):
            items = dict(_items(row))
            record_id = subject.get(f"{REDCAP}RecordIdField")
            own = {item for item, value in items.items() if value and item not in {record_id, *_ON_EVERY_ROW}}
            zeros = {item for item in own if items[item] == "0" and (item.endswith("_complete") or "___" in item)}
            if is_redcap and not (own if record_id in items else own - zeros):
                # The record id alone makes no row of a form, nor do status and boxes of one that nobody touched.
                continue
            table = row.get("FormOID", "").removeprefix("Form.") if is_redcap else row.get("ItemGroupOID", "")
            found.rows[table] += 1
            found.filled.append(own)
            found.cells.update(own)
            found.ticked.update(item for item in own if items[item] == "1")
    return found


def _items(row: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for element in row.iter():
        name = element.tag.rpartition("}")[2]
        if name.startswith("ItemData"):
            value = element.get("Value")
            if value is None:
                value = element.get(f"{REDCAP}DocName") or "|".join(one.text or "" for one in _named(element, "Value"))
            yield element.get("ItemOID", ""), value


def _named(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (one for one in element.iter() if one.tag.rpartition("}")[2] == name)


if __name__ == "__main__":
    counted = counts(Path(sys.argv[1]))
    print(len(counted.participants), dict(counted.rows), dict(counted.cells))

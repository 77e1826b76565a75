"""Which columns of a source table an element of a body comes from, by the words of the pack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pydantic import BaseModel

from fhir_msc.findings import Origin
from fhir_msc.mapping.blocks import ObservationBlock
from fhir_msc.mapping.format import TableWords
from fhir_msc.mapping.pack import Pack
from fhir_msc.sources.table import field_of

_READING = ("from_", "all", "pieces", "text")
_COMPONENT = re.compile(r"component\[(\d+)\]")
_WORDS = {
    ("Observation", "value"): ("observations", ("value", "coded", "columns")),
    ("Observation", "component"): ("observations", ("components",)),
    ("Observation", "effective"): ("observations", ("when",)),
    ("MedicationAdministration", "effective"): ("infusions", ("start",)),
    ("Patient", "birthDate"): ("participants", ("birth_date",)),
    ("Patient", "deceased"): ("participants", ("death_date",)),
    ("AdverseEvent", "date"): ("adverse_events", ("start",)),
    ("Condition", "onset"): ("conditions", ("onset",)),
    ("Condition", "recordedDate"): ("conditions", ("recorded",)),
    ("Encounter", "period"): ("visits", ("start",)),
}
"""The blocks of a table and the words in them that give an element, by type and the beginning of its path."""


class ElementColumns:
    """Finds the columns behind elements, once per table and element."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._known: dict[tuple[str, str, str], frozenset[str]] = {}

    def narrowed(self, origins: Sequence[Origin], table: str, type: str, path: str) -> tuple[Origin, ...]:
        """The origins with those of their columns alone that the element comes from; all of them where no word of the
        pack tells which. ``path`` is relative to the resource."""
        wanted = self._columns(table, type, path)
        kept = [
            replace(one, fields=fields)
            for one in origins
            if (fields := tuple(name for name in one.fields if field_of(name) in wanted))
        ]
        return tuple(kept or origins)

    def _columns(self, table: str, type: str, path: str) -> frozenset[str]:
        known = self._known.get((table, type, path))
        if known is None:
            words = self._pack.tables.get(table)
            found = self._named(words.words, type, path) if words is not None else ()
            known = self._known[table, type, path] = frozenset(field_of(name) for name in found)
        return known

    def _named(self, words: TableWords, type: str, path: str) -> Iterator[str]:
        for (kind, start), (blocks, names) in _WORDS.items():
            if kind != type or not path.startswith(start):
                continue
            for block in getattr(words, blocks):
                for name in names:
                    yield from self._read(block, name, path)

    def _read(self, block: BaseModel, name: str, path: str) -> Iterator[str]:
        said = getattr(block, name)
        if name == "columns" and isinstance(block, ObservationBlock) and said:
            yield from (line["column"] for line in self._pack.code_tables[said].lines)
        elif name == "components" and (match := _COMPONENT.match(path)) and int(match[1]) < len(said):
            yield from _reads((said[int(match[1])].value, said[int(match[1])].coded))
        else:
            yield from _reads(said)


def _reads(words: object) -> Iterator[str]:
    """The columns that words read."""
    if isinstance(words, (tuple, list)):
        for one in words:
            yield from _reads(one)
    elif isinstance(words, BaseModel):
        for name in _READING:
            said = getattr(words, name, None)
            yield from (said,) if isinstance(said, str) else said or ()

"""Which resources came from which source table, participant by participant, as Provenance.

One Provenance per source table and lane. A lane of very many is parted by the first digits of the ids, which are
evenly spread: so a row more changes one of the parts, and no body grows beyond what a request may hold. Of the study's
own lane there is none, for it comes from the project's config. What is on its way stands in a temporary SQLite file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import groupby
from operator import itemgetter

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Desired
from fhir_msc.findings import Finding, Origin
from fhir_msc.resources.context import Links
from fhir_msc.resources.provenance import Lineage
from fhir_msc.scratch import scratch_database

_MOST_TARGETS = 2000
_BATCH = 100

_PROVENANCE = "Provenance"


class Lineages:
    """Collects the bodies of one table, and then says where they come from. ``recorded`` is the data cut."""

    def __init__(self, frame: Frame, table: str, file: str, recorded: str) -> None:
        self._frame = frame
        self._table = table
        self._origins = (Origin(file, table),)
        self._recorded = recorded
        self._database = scratch_database()
        self._database.execute("CREATE TABLE target (lane, rid, type, PRIMARY KEY (lane, rid)) WITHOUT ROWID")

    def add(self, batch: Sequence[Desired]) -> None:
        """Takes bodies; a rid that comes again counts once."""
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR IGNORE INTO target VALUES (?, ?, ?)",
            ((one.lane, one.rid, one.type) for one in batch if one.lane),
        )
        self._database.execute("COMMIT")

    def bodies(self, findings: list[Finding]) -> Iterator[list[Desired]]:
        """The Provenance of each lane, in batches; adds what is wrong with them."""
        batch: list[Desired] = []
        lanes = self._database.execute("SELECT lane, count(*) FROM target GROUP BY lane ORDER BY lane").fetchall()
        for lane, count in lanes:
            digits = _digits(count)
            found = self._database.execute("SELECT rid, type FROM target WHERE lane = ? ORDER BY rid", (lane,))
            # An id is a letter for its type, then hex: parts do not depend on the type.
            parted = sorted((rid[1 : 1 + digits], rid, type) for rid, type in found)
            for part, members in groupby(parted, key=itemgetter(0)):
                body = self._body(lane, part, [(type, rid) for _, rid, type in members], findings)
                batch += [body] if body is not None else []
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        yield batch

    def _body(
        self, lane: str, part: str, targets: Sequence[tuple[str, str]], findings: list[Finding]
    ) -> Desired | None:
        rid = self._frame.identity.rid(_PROVENANCE, (self._table, lane, part))
        body = self._frame.maker.make(Lineage(self._table, self._recorded, targets), Links(rid))
        findings += [replace(one, origins=self._origins) for one in body.findings]
        if any(one.is_error for one in body.findings):
            return None
        return Desired(
            rid,
            _PROVENANCE,
            lane,
            body.rank,
            body.content,
            sha256(body.content).digest(),
            self._table,
            self._origins,
            body.refs,
        )


def _digits(count: int) -> int:
    """By how many hex digits a lane of that many resources is parted."""
    digits = 0
    while count > _MOST_TARGETS * 16**digits:
        digits += 1
    return digits

"""Rows that share a key: merged where they are equal, told apart where they differ, whatever their order.

They are told apart by the pack's tie-breakers, then by their content. The first keeps the key; the others get one that
names the tie-breakers' cells and, among rows that agree in these, their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby

import orjson

from fhir_msc.desired.model import Account, Desired
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.resources.identity import Identity
from fhir_msc.scratch import scratch_database

SHARED_KEY = "MSC-KEY-001"
TWICE = "MSC-KEY-002"

_ONE_OF_A_KIND = ("Patient", "ResearchSubject")
"""A participant is told by nothing but the identifier: who stands twice is an error, not two participants."""


@dataclass(frozen=True, slots=True)
class _Sharer:
    id: int
    tie: tuple[str, ...]
    parts: tuple[str, ...]
    desired: Desired


class Sharing:
    """The bodies of rows that share keys, in a temporary SQLite file."""

    def __init__(self, table: str, identity: Identity) -> None:
        self._table = table
        self._identity = identity
        self._database = scratch_database()
        self._database.execute(
            "CREATE TABLE sharer (id INTEGER PRIMARY KEY, rid, tie, body, row, delivered, parts, type, lane, rank,"
            " origins, refs, loose, dropped)"
        )

    def add(
        self, row: int, delivered: int, tie: Sequence[str], sharers: Sequence[tuple[Desired, Sequence[str]]]
    ) -> None:
        """Takes the bodies of a row (by its place in the table) that share their keys, each with the parts of its key.
        ``delivered`` counts all bodies of the row."""
        self._database.executemany(
            "INSERT INTO sharer (rid, tie, body, row, delivered, parts, type, lane, rank, origins, refs, loose)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    one.rid,
                    orjson.dumps(tie),
                    one.body,
                    row,
                    delivered,
                    orjson.dumps(parts),
                    one.type,
                    one.lane,
                    one.rank,
                    orjson.dumps(one.origins),
                    orjson.dumps(one.refs),
                    one.loose,
                )
                for one, parts in sharers
            ],
        )

    def told_apart(self, findings: list[Finding]) -> Iterator[tuple[str, Desired]]:
        """The bodies as they must be, each behind the id that it shared, in the order of these; adds what is to be said
        of them."""
        rows = self._database.execute(
            "SELECT id, rid, tie, body, parts, type, lane, rank, origins, refs, loose FROM sharer"
            " ORDER BY rid, tie, body, id"
        )
        for rid, group in groupby(map(self._sharer, rows), key=lambda one: one.desired.rid):
            for desired in self._group(list(group), findings):
                yield rid, desired

    def settle(self, account: Account) -> None:
        """Corrects the account: a row of which every body went into another row's was merged."""
        for dropped, rows in self._database.execute(
            "SELECT worst, count(*) FROM (SELECT max(dropped) AS worst FROM sharer"
            " GROUP BY row HAVING count(dropped) = max(delivered)) GROUP BY worst"
        ):
            account.outcomes["delivered", ""] -= rows
            account.outcomes[("rejected", TWICE) if dropped else ("merged", "equal rows")] += rows

    def _sharer(self, row: tuple[int, str, bytes, bytes, bytes, str, str, int, bytes, bytes, bytes | None]) -> _Sharer:
        number, rid, tie, body, parts, type, lane, rank, origins, refs, loose = row
        places = tuple(Origin(**{**one, "fields": tuple(one["fields"])}) for one in orjson.loads(origins))
        desired = Desired(
            rid, type, lane, rank, body, sha256(body).digest(), self._table, places, tuple(orjson.loads(refs)), loose
        )
        return _Sharer(number, tuple(orjson.loads(tie)), tuple(orjson.loads(parts)), desired)

    def _group(self, sharers: Sequence[_Sharer], findings: list[Finding]) -> Iterator[Desired]:
        distinct = [list(equal) for _, equal in groupby(sharers, key=lambda one: (one.tie, one.desired.body))]
        for equal in distinct:
            self._drop([one.id for one in equal[1:]], 0)
        first = sharers[0].desired
        if len(distinct) > 1:
            findings.append(_finding(first, [_origin for equal in distinct for _origin in _origins(equal)]))
        seen: dict[tuple[str, ...], int] = {}
        for place, equal in enumerate(distinct):
            one = equal[0]
            nth = seen[one.tie] = seen.get(one.tie, 0) + 1
            if place and one.desired.type in _ONE_OF_A_KIND:
                self._drop([each.id for each in equal], 1)
                continue
            rid = first.rid if place == 0 else self._identity.rid(first.type, (*one.parts, "#", *one.tie, str(nth)))
            yield _renamed(one.desired, rid, _origins(equal))

    def _drop(self, ids: Sequence[int], worse: int) -> None:
        self._database.executemany("UPDATE sharer SET dropped = ? WHERE id = ?", [(worse, one) for one in ids])


def _origins(equal: Sequence[_Sharer]) -> tuple[Origin, ...]:
    found = dict.fromkeys(origin for one in equal for origin in one.desired.origins)
    return tuple(sorted(found, key=lambda origin: (origin.file, origin.table, origin.row or 0, origin.key or "")))


def _renamed(desired: Desired, rid: str, origins: tuple[Origin, ...]) -> Desired:
    # An id stands in its body and nowhere else: it is the hex of a keyed digest.
    body = desired.body.replace(desired.rid.encode(), rid.encode())
    return Desired(
        rid,
        desired.type,
        desired.lane,
        desired.rank,
        body,
        sha256(body).digest(),
        desired.table,
        origins,
        desired.refs,
        desired.loose,
    )


def _finding(first: Desired, origins: Sequence[Origin]) -> Finding:
    if first.type in _ONE_OF_A_KIND:
        message = "a participant stands twice, and differs"
        hint = "correct the source: one row per participant"
        return Finding(
            TWICE, Severity.ERROR, message, tuple(origins), key=first.rid, hint=hint, patient=first.lane or None
        )
    return Finding(
        SHARED_KEY,
        Severity.WARNING,
        "rows that share a key and differ: told apart by their content",
        tuple(origins),
        key=first.rid,
        hint="name columns that tell them apart under `key` or `tie-breakers` in the pack",
        patient=first.lane or None,
    )

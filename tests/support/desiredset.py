"""Desired resources for tests of the sync: small bodies with references, as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256

from fhir_msc.desired import Account, Desired
from fhir_msc.errors import SourceError
from fhir_msc.findings import Finding, Origin

SYSTEM = "https://trial.test/sync"
RANKS = {"ResearchStudy": 0, "Patient": 10, "Encounter": 20, "Observation": 40, "AdverseEvent": 50}


def resource(
    type: str,
    rid: str,
    lane: str,
    *,
    value: str = "1.50",
    refs: Sequence[Desired] = (),
    table: str = "LB",
    row: int | None = 1,
    loose: bytes | None = None,
) -> Desired:
    """A resource with an identifier of ours, a number as written, and references to others."""
    links = ",".join(json.dumps({"reference": f"{one.type}/{one.rid}"}) for one in refs)
    body = (
        f'{{"resourceType":"{type}","id":"{rid}","meta":{{"tag":[{{"system":"{SYSTEM}","code":"x"}}]}},'
        f'"identifier":[{{"system":"{SYSTEM}","value":"{rid}"}}],"valueDecimal":{value},"link":[{links}]}}'
    ).encode()
    return Desired(
        rid=rid,
        type=type,
        lane=lane,
        rank=RANKS[type],
        body=body,
        digest=sha256(body).digest(),
        table=table,
        origins=(Origin(f"{table.lower()}.csv", table, row, ("VALUE",)),),
        refs=tuple(one.rid for one in refs),
        loose=loose,
    )


class TableOf:
    """A table with these resources; its fingerprint is theirs unless given. ``error`` comes after the resources."""

    def __init__(
        self,
        name: str,
        resources: Sequence[Desired],
        *,
        error: SourceError | None = None,
        fingerprint: bytes | None = None,
        rows: int | None = None,
        findings: Sequence[Finding] = (),
        batch: int = 3,
    ) -> None:
        self.name = name
        self.resources = list(resources)
        self.error = error
        self.account = Account(name, f"{name.lower()}.csv", len(self.resources) if rows is None else rows)
        if self.resources:
            self.account.outcomes["delivered", ""] = len(self.resources)
        self.findings = list(findings)
        self.streamed = 0
        self._batch = batch
        self._fingerprint = fingerprint

    def fingerprint(self) -> bytes:
        if self._fingerprint is not None:
            return self._fingerprint
        return sha256(b"".join(one.digest + repr(one.origins).encode() for one in self.resources)).digest()

    def stream(self) -> Iterator[list[Desired]]:
        self.streamed += 1
        for start in range(0, len(self.resources), self._batch):
            yield self.resources[start : start + self._batch]
        if self.error:
            raise self.error


class SetOf:
    """A desired set of these tables."""

    def __init__(self, *tables: TableOf, lacking: Sequence[str] = ()) -> None:
        self._tables = tables
        self._lacking = lacking

    def tables(self) -> Sequence[TableOf]:
        return self._tables

    def lacking(self) -> Sequence[str]:
        return self._lacking


def by_table(*resources: Desired) -> SetOf:
    """The resources as a set, grouped by their tables."""
    names = list(dict.fromkeys(one.table for one in resources))
    return SetOf(*(TableOf(name, [one for one in resources if one.table == name]) for name in names))

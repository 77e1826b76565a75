"""Checked bodies as desired resources: in the bytes that will leave, or the reason why they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b, sha256

from fhir_msc.desired.bodies import Body
from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Desired, Made
from fhir_msc.findings import Finding
from fhir_msc.trial import Key, Record


class CheckedBodies:
    """The desired resources of one table."""

    def __init__(self, frame: Frame, table: str) -> None:
        self._table = table
        self._loose_key = frame.identity.digest("loose", ())

    def made(
        self,
        record: Record,
        type: str,
        parts: Sequence[str],
        body: Body,
        rid: str,
        lasting: Key | None,
        lane: str,
    ) -> Made:
        """What a record's body became. ``parts`` are those of its key, ``lasting`` its key without what a site may
        correct."""
        origins = record.origins
        found: tuple[Finding, ...] = ()
        if body.findings:
            found = tuple([replace(one, origins=origins) for one in body.findings])
            wrong = next((one.rule for one in found if one.is_error), None)
            if wrong is not None:
                return Made(None, "rejected", wrong, found)
        desired = Desired(
            rid,
            type,
            lane,
            body.rank,
            body.content,
            sha256(body.content).digest(),
            self._table,
            origins,
            body.refs,
            self._loose(type, lasting) if lasting is not None else None,
        )
        return Made(desired, "delivered", "", found, parts)

    def _loose(self, type: str, lasting: Key) -> bytes:
        return blake2b("\x1f".join((type, *lasting)).encode(), key=self._loose_key, digest_size=32).digest()

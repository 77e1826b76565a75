"""Checked bodies as desired resources: in the bytes that will leave, or the reason why they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b, sha256
from typing import TypeAlias

from fhir_msc.desired.bodies import Content
from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Desired, Made
from fhir_msc.desired.persons import Person
from fhir_msc.quick import filled
from fhir_msc.trial import Key, Record

Released: TypeAlias = "tuple[Record, Key | None, Person]"
"""A record that may leave, its key without what a site may correct, and whose it is."""

_desired, _made = filled(Desired), filled(Made)


class CheckedBodies:
    """The desired resources of one table."""

    def __init__(self, frame: Frame, table: str) -> None:
        self._table = table
        self._loose_key = frame.identity.digest("loose", ())

    def made(
        self,
        type: str,
        rank: int,
        released: Sequence[Released],
        keys: Sequence[Sequence[str]],
        rids: Sequence[str],
        contents: Sequence[Content],
    ) -> list[Made]:
        """What the bodies of records became, all of one type; ``keys`` are the parts of their keys."""
        table, loose_key, joined = self._table, self._loose_key, "\x1f".join
        made: list[Made] = []
        for (record, lasting, person), parts, rid, (content, refs, found) in zip(
            released, keys, rids, contents, strict=True
        ):
            origins = record.origins
            if found:
                found = tuple([replace(one, origins=origins) for one in found])
                wrong = next((one.rule for one in found if one.is_error), None)
                if wrong is not None:
                    made.append(Made(None, "rejected", wrong, found))
                    continue
            loose = (
                None
                if lasting is None
                else blake2b(joined((type, *lasting)).encode(), key=loose_key, digest_size=32).digest()
            )
            digest = sha256(content).digest()
            desired = _desired((rid, type, person.lane, rank, content, digest, table, origins, refs, loose))
            made.append(_made((desired, "delivered", "", found, parts)))
        return made

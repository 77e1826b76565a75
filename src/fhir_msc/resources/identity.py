"""Opaque ids: what stands in a URL, an identifier, a tag or a log line instead of anything a person could be found by.

An id is a letter for the resource type and the hex of the first 20 bytes of HMAC-SHA256 (RFC 2104) under the
project's secret over the target's identity domain, the resource type and the parts of the key. Every text goes in as
UTF-8 of its NFC form behind its length in bytes, so that no two lists of texts run into each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from unicodedata import normalize

_BLOCK = 64
"""The block size of SHA-256 in bytes (FIPS 180-4)."""

_HEX_DIGITS = 40

_REMEMBERED = 8192
"""Parts of keys whose bytes are remembered: participants, tests and visits stand in many keys."""

LETTERS = {
    "AdverseEvent": "a",
    "BiologicallyDerivedProduct": "b",
    "CodeSystem": "k",
    "Condition": "d",
    "Consent": "c",
    "Device": "j",
    "DiagnosticReport": "f",
    "Encounter": "e",
    "Group": "u",
    "Location": "l",
    "MedicationAdministration": "m",
    "MedicationStatement": "t",
    "Observation": "o",
    "Organization": "g",
    "Patient": "p",
    "PlanDefinition": "w",
    "Practitioner": "q",
    "PractitionerRole": "i",
    "Provenance": "v",
    "ResearchStudy": "r",
    "ResearchSubject": "s",
    "Specimen": "n",
    "ValueSet": "h",
}
"""The first letter of an id by resource type; ``x`` for a type that is not here."""


class Identity:
    """The ids of one target: its identity domain under the project's secret.

    Another domain gives unrelated ids for the same keys, so that two stores cannot be joined by them.
    """

    __slots__ = ("_inner", "_outer", "_types")

    def __init__(self, secret: bytes, domain: str) -> None:
        key = sha256(secret).digest() if len(secret) > _BLOCK else secret
        key = key.ljust(_BLOCK, b"\0")
        self._outer = bytes(byte ^ 0x5C for byte in key)
        self._inner = bytes(byte ^ 0x36 for byte in key) + _framed((domain,))
        # To hash these few bytes anew takes half the time of copying a state of SHA-256 that has taken them.
        self._types = {kind: (letter, self._inner + _framed((kind,))) for kind, letter in LETTERS.items()}

    def rid(self, type: str, parts: Sequence[str]) -> str:
        """The id of the resource of ``type`` whose key is ``parts``: 41 characters, ``[a-z][0-9a-f]{40}``.

        Empty parts at the end count as absent, for a column that a source lacks equals an empty one.
        """
        return self.rids(type, (parts,))[0]

    def rids(self, type: str, keys: Iterable[Sequence[str]]) -> list[str]:
        """The ids of resources of one type, each by the parts of its key."""
        known = self._types.get(type)
        letter, head = known if known is not None else ("x", self._inner + _framed((type,)))
        outer = self._outer
        return [
            letter + sha256(outer + sha256(head + _framed(parts)).digest()).hexdigest()[:_HEX_DIGITS] for parts in keys
        ]

    def digest(self, label: str, parts: Sequence[str]) -> bytes:
        """32 bytes that tell ``parts`` apart and nothing of them to who lacks the secret; ``label`` names the use.

        Digests of another label, and ids, are unrelated to it.
        """
        inner = sha256(self._inner + _framed((f"#{label}",)) + _framed(parts)).digest()
        return sha256(self._outer + inner).digest()


class _Frames(dict[str, bytes]):
    """Parts as bytes behind their length. Emptied when full, to stay small."""

    def __missing__(self, part: str) -> bytes:
        if len(self) >= _REMEMBERED:
            self.clear()
        encoded = normalize("NFC", part).encode()
        framed = self[part] = b"%d:%b" % (len(encoded), encoded)
        return framed


_framed_part: Callable[[str], bytes] = _Frames().__getitem__


def _framed(parts: Sequence[str]) -> bytes:
    if parts and not parts[-1]:
        end = len(parts)
        while end and not parts[end - 1]:
            end -= 1
        parts = parts[:end]
    return b"".join(map(_framed_part, parts))

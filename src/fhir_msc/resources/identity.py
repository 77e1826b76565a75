"""Opaque ids: what stands in a URL, an identifier, a tag or a log line instead of anything a person could be found by.

An id is a letter for the resource type and the hex of the first 20 bytes of HMAC-SHA256 (RFC 2104) under the
project's secret over the target's identity domain, the resource type and the parts of the key. Every text goes in as
UTF-8 of its NFC form behind its length in bytes, so that no two lists of texts run into each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from unicodedata import normalize

_BLOCK = 64
"""The block size of SHA-256 in bytes (FIPS 180-4)."""

_HEX_DIGITS = 40

_PREFIXES = tuple(f"{length}:" for length in range(256))
"""What stands before a part of that length; formatting the number each time would take half of ``rid``."""

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
        key = hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret
        key = key.ljust(_BLOCK, b"\0")
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
        self._inner.update(_framed((domain,)))
        # SHA-256 states that have taken the domain and the type: a type's ids start from a copy of its state.
        self._types = {kind: (letter, self._state(kind)) for kind, letter in LETTERS.items()}

    def rid(self, type: str, parts: Sequence[str]) -> str:
        """The id of the resource of ``type`` whose key is ``parts``: 41 characters, ``[a-z][0-9a-f]{40}``.

        Empty parts at the end count as absent, for a column that a source lacks equals an empty one.
        """
        known = self._types.get(type)
        letter, state = known if known is not None else ("x", self._state(type))
        inner = state.copy()
        inner.update(_framed(parts))
        outer = self._outer.copy()
        outer.update(inner.digest())
        return letter + outer.hexdigest()[:_HEX_DIGITS]

    def digest(self, label: str, parts: Sequence[str]) -> bytes:
        """32 bytes that tell ``parts`` apart and nothing of them to who lacks the secret; ``label`` names the use.

        Digests of another label, and ids, are unrelated to it.
        """
        inner = self._state(f"#{label}")
        inner.update(_framed(parts))
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def _state(self, word: str) -> hashlib._Hash:
        state = self._inner.copy()
        state.update(_framed((word,)))
        return state


def _framed(parts: Sequence[str]) -> bytes:
    if parts and not parts[-1]:
        end = len(parts)
        while end and not parts[end - 1]:
            end -= 1
        parts = parts[:end]
    try:
        framed = "".join([_PREFIXES[len(part)] + part for part in parts])
    except IndexError:
        framed = "".join([f"{len(part)}:{part}" for part in parts])
    if framed.isascii():
        return framed.encode()
    encoded = [normalize("NFC", part).encode() for part in parts]
    return b"".join([b"%d:%b" % (len(part), part) for part in encoded])

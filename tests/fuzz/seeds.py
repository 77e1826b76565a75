"""The whole documents that inputs are made from."""

from __future__ import annotations

import json
from pathlib import Path

from fhir_msc.resources import builder_for, serialise
from tests.unit.resources.samples import context, samples

_EXAMPLES = Path(__file__).parents[3] / "shared" / "data" / "hl7-validator-cases" / "cases"
_LARGEST = 20_000


def seeds() -> list[bytes]:
    """One body of every shape that the project sends; where ``../shared`` is, HL7's validator cases, too."""
    here = context(blind=False)
    own = [serialise(builder_for(type(one)).build(one, links, here)) for one, links in samples(blind=False)]
    return own + [text for path in sorted(_EXAMPLES.glob("*.json")) if _is_object(text := path.read_bytes())]


def _is_object(text: bytes) -> bool:
    """Whether it is JSON that the makers can take to pieces: some of the cases are not JSON at all."""
    if len(text) > _LARGEST:
        return False
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False

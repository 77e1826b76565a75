"""The conformance of an integrator's own builder, over records of its class."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import EntryPoint
from typing import NamedTuple, TypeVar, cast

from fhir_msc.desired.own import own_body
from fhir_msc.errors import ConfigError, UsageError
from fhir_msc.extensions import Extension
from fhir_msc.findings import Origin
from fhir_msc.resources.body import Body, serialise
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.identity import Identity
from fhir_msc.resources.own import GROUP, NamedBuilder, OwnBuilder, named, own_builders
from fhir_msc.testing.elsewhere import elsewhere
from fhir_msc.testing.nonconformity import Nonconformity
from fhir_msc.testing.samples import samples, telling
from fhir_msc.trial import Arm, CellProduct, Record, Study
from fhir_msc.validation import validate

R = TypeVar("R")

_IDENTITY = Identity(b"conformance" * 4, "conformance")
_STUDY = Study("CONFORMANCE", "A study to check builders with", arms=(Arm("HIGH", "High"), Arm("PLACEBO", "Placebo")))
_CONTEXTS = tuple(
    ResourceContext("https://conformance.example.org/fhir", blind, _STUDY, _IDENTITY) for blind in (False, True)
)
_WATCHED = ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "sqlite3.connect")
"""Audit events (PEP 578) of a builder that reads or does something else."""


def check_builder(type: str, builder: OwnBuilder[R] | None = None, records: Sequence[R] = ()) -> None:
    """Checks the builder of a resource type: the installed one, or ``builder``, which need not be installed.

    It is tried on made-up records of its class, with nothing and with everything in them, and on ``records``, blind and
    not, with all links and with few. The checks, in their order:

    - ``loads``: the entry point is there, and names an ``OwnBuilder`` of a class of records.
    - ``body``: it gives resources of its type, with the id, the sync identifier, references that are known, no floats.
    - ``valid``: every body passes ``fhir_msc.validate``.
    - ``clock``: no body holds today's date.
    - ``deterministic``: again, in another order, and in another process (hash seed, time zone, locale; an installed
      builder alone), the same bytes come out.
    - ``pure``: it keeps nothing that it gave, and (an installed one) opens no file and no connection.
    - ``lineage``: the body does not hang on the file and the row that the record comes from.
    - ``blind``: in a blind context, fields that tell the arm change no byte.

    Raises Nonconformity, UsageError for records of another class.
    """
    own = _loaded(type, builder)
    cases = _cases(own, _tried(own, cast("Sequence[Record]", records)))
    bodies = [_body(own, case) for case in cases]
    if not any(bodies):
        raise Nonconformity("body", f"{type} is made of none of the records")
    for case, body in zip(cases, bodies, strict=True):
        if body is not None:
            _valid(case.record, body)
    written = [_bytes(body) for body in bodies]
    for body in bodies:
        if body is not None:
            _spoil(body)
    if _written(own, cases) != written:
        raise Nonconformity("pure", "after what it gave was changed, it gives something else: it keeps its bodies")
    if _written(own, cases[::-1])[::-1] != written:
        raise Nonconformity("deterministic", "of the records in another order it makes something else")
    moved = [replace(case.record, origins=(Origin("other.csv", "T", 7, ("a",)),)) for case in cases]
    if _written(own, [case._replace(record=record) for case, record in zip(cases, moved, strict=True)]) != written:
        raise Nonconformity("lineage", "the body hangs on the row that the record comes from: one row more changes it")
    _blind(own, cases)
    if builder is None:
        _elsewhere(type, tuple(records), _digest(written))


def watched(type: str, records: Sequence[object]) -> str:
    """What another process says: the digest of all bodies, and what was done while they were made, by audit event."""
    own = _loaded(type, None)
    cases = _cases(own, _tried(own, cast("Sequence[Record]", records)))
    _written(own, cases)  # what it imports late is imported now
    seen: list[str] = []
    listening = [False]

    def hear(event: str, _arguments: tuple[object, ...]) -> None:
        if listening[0] and event in _WATCHED:
            seen.append(event)

    sys.addaudithook(hear)
    listening[0] = True
    written = _written(own, cases)
    listening[0] = False
    return " ".join([_digest(written), *sorted(set(seen))])


def _loaded(type: str, builder: object) -> NamedBuilder:
    try:
        if builder is None:
            return own_builders([type])[0]
        return named(Extension(EntryPoint(type, "given:builder", GROUP), ConfigError), builder)
    except ConfigError as error:
        raise Nonconformity("loads", str(error)) from error


def _tried(own: NamedBuilder, records: Sequence[Record]) -> list[Record]:
    kind = own.builder.record
    if any(type(record) is not kind for record in records):
        raise UsageError(f"records of another class than {kind.__name__}")
    return [*samples(kind), *records]


class _Case(NamedTuple):
    """What a builder is called with."""

    record: Record
    links: Links
    context: ResourceContext


def _cases(own: NamedBuilder, records: Sequence[Record]) -> list[_Case]:
    """Each record, blind and not, with all links and with few. A blind project has no cell product."""
    return [
        _Case(record, links, context)
        for record in records
        for context in _CONTEXTS
        if not (context.blind and isinstance(record, CellProduct))
        for links in _links(own.type, record)
    ]


def _links(type: str, record: Record) -> Iterator[Links]:
    def rid(type: str, *more: str) -> str:
        return _IDENTITY.rid(type, (record.participant, *more))

    own = _IDENTITY.rid(type, record.key[1:])
    patient, study = rid("Patient"), rid("ResearchStudy")
    yield Links(own, patient, study)
    yield Links(own, patient, study, rid("Encounter"), rid("Consent"), rid("Organization"))


def _written(own: NamedBuilder, cases: Sequence[_Case]) -> list[bytes]:
    return [_bytes(_body(own, case)) for case in cases]


def _spoil(body: Body) -> None:
    """Changes a body, and what is in it."""
    for inner in [*body.values()]:
        if isinstance(inner, dict):
            inner["spoilt"] = True
        elif isinstance(inner, list):
            inner.append("spoilt")
    body["spoilt"] = True


def _body(own: NamedBuilder, case: _Case) -> Body | None:
    before = repr((case.record, case.links))
    try:
        body = own_body(own, case.record, case.links, case.context)
    except ConfigError as error:
        raise Nonconformity("body", f"{error} (of {type(case.record).__name__})") from error
    if repr((case.record, case.links)) != before:
        raise Nonconformity("pure", "it changes the record that it is given")
    return body


def _bytes(body: Body | None) -> bytes:
    return b"" if body is None else serialise(body)


def _digest(written: Sequence[bytes]) -> str:
    return sha256(b"\n".join(written)).hexdigest()


def _valid(record: Record, body: Body) -> None:
    found = [one for one in validate(_bytes(body)) if one.is_error]
    if found:
        first = found[0]
        raise Nonconformity("valid", f"{first.rule} at {first.path}: {first.message}")
    now = datetime.now(UTC)
    for day in {now.date().isoformat(), now.astimezone().date().isoformat()}:
        if day in _bytes(body).decode() and day not in repr(record):
            raise Nonconformity("clock", "the body holds today's date, and the record does not")


def _blind(own: NamedBuilder, cases: Sequence[_Case]) -> None:
    for case in cases:
        if not case.context.blind:
            continue
        told = _written(own, [case._replace(record=one) for one in (case.record, *telling(case.record))])
        if len(set(told)) > 1:
            raise Nonconformity("blind", "in a blind context a field that tells the arm changes the body")


def _elsewhere(type: str, records: tuple[object, ...], here: str) -> None:
    said, *done = elsewhere("builder", type, records).split()
    if said != here:
        raise Nonconformity("deterministic", "another process makes something else of the same records")
    if done:
        raise Nonconformity("pure", f"it reads or does something else: {', '.join(done)}")

"""What the rules about a set of resources must know of each: small facts, read once, kept outside memory.

A participant is known by the reference to the Patient, as ``Patient/id`` whatever base stands before it; inside a
Bundle a ``urn:uuid:`` is that of its entry. Dates are those of the day as written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from fhir_msc.validation.objects import Node, has_coding, nodes
from fhir_msc.validation.trial.totals import Total, number_of

CONTENT, IDENTIFIED, ENROLLED, BORN, CONSENTED, OF, DATED, GIVEN, MET, PLANNED, SCORED = (
    "content", "identified", "enrolled", "born", "consented", "of", "dated", "given", "met", "planned", "scored",
)  # fmt: skip
"""Kinds of facts."""


class Fact(NamedTuple):
    """A fact of a resource: its kind, whom or what it is about, what it says, the place it is said at.

    - ``content``: type and id, a digest of the resource; ``identified``: type and identifiers, whose they are.
    - ``enrolled``, ``born``, ``consented``: a patient, the day if there is one.
    - ``of``, ``dated``: a patient, the type or the day of something that belongs to the patient.
    - ``given``: a patient, the day of an infusion, the Encounter in ``more``.
    - ``met``: an Encounter, its type in words; ``planned``: a planned visit in words, the first and last day of its
      window in ``says`` and ``more``.
    - ``scored``: a patient, an Encounter and a day, a number, its code in ``more``.
    """

    kind: str
    about: str
    says: str
    path: str
    more: str = ""


_DATES: Mapping[str, tuple[str, ...]] = {
    "Observation": ("effectiveDateTime", "effectiveInstant"),
    "DiagnosticReport": ("effectiveDateTime",),
    "MedicationAdministration": ("effectiveDateTime",),
    "AdverseEvent": ("date",),
}
"""When something was collected or happened. A history (Condition, MedicationStatement) may begin before everything."""

_PERIODS = {"Observation": "effectivePeriod", "MedicationAdministration": "effectivePeriod"}
_OF_A_STUDY = frozenset(
    ["Observation", "DiagnosticReport", "MedicationAdministration", "AdverseEvent", "Encounter", "Condition"]
) | {"MedicationStatement", "Specimen"}
_NOT_GIVEN = ("not-done", "entered-in-error")
_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"


def known_as(resource: Node, url: str = "") -> str:
    """Type and id of a resource; its type and fullUrl where it has no id yet."""
    id = resource.get("id")
    return f"{resource.get('resourceType')}/{id if isinstance(id, str) else url}"


def facts_of(
    resource: Node, path: str, own: str, urls: Mapping[str, str], totals: Sequence[Total] = ()
) -> Iterator[Fact]:
    """The facts of a resource that stands at ``path`` and is known as ``own``, but for its identity. ``urls`` leads
    from the fullUrl of an entry to what it is known as; ``totals`` says which numbers count."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        return
    match kind:
        case "Patient":
            born = resource.get("birthDate")
            if isinstance(born, str):
                yield Fact(BORN, own, born, _at(path, "birthDate"))
        case "ResearchSubject":
            who = _referred(resource.get("individual"), urls)
            if who is not None:
                yield Fact(ENROLLED, who, "", path)
        case "Consent":
            yield from _consent(resource, path, urls)
        case "Encounter":
            words = next((str(one["text"]) for one in nodes(resource, "type") if "text" in one), None)
            if words is not None:
                yield Fact(MET, own, words, path)
        case "PlanDefinition":
            yield from _windows(resource, path)
    if kind in _OF_A_STUDY:
        yield from _belonging(resource, kind, path, urls)
    if totals and kind == "Observation":
        yield from _scored(resource, path, urls, totals)


def identity_of(resource: Node, path: str) -> Iterator[Fact]:
    """By what a resource is known."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        return
    digest = hashlib.sha256(_text(resource)).hexdigest()[:32]
    own = known_as(resource) if "id" in resource else ""
    if own:
        yield Fact(CONTENT, own, digest, path)
    # All of them together: one alone may name a group (an order, a claim) that several resources belong to.
    known = sorted(
        f"{identifier['system']} {identifier['value']}"
        for identifier in nodes(resource, "identifier")
        if isinstance(identifier.get("system"), str) and isinstance(identifier.get("value"), str)
    )
    if known:
        yield Fact(IDENTIFIED, f"{kind} {' '.join(known)}", own or digest, _at(path, "identifier"))


def _text(resource: Node) -> bytes:
    """The same for the same resource, whatever the order of its keys."""
    try:
        return orjson.dumps(resource, default=str, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a number beyond 64 bits, or half of a surrogate
        return json.dumps(resource, default=str, sort_keys=True).encode()


def _belonging(resource: Node, kind: str, path: str, urls: Mapping[str, str]) -> Iterator[Fact]:
    who = _referred(resource.get("subject"), urls) or _referred(resource.get("patient"), urls)
    if who is None or not who.startswith("Patient/") or resource.get("status") == "entered-in-error":
        return
    yield Fact(OF, who, kind, path)
    day = day_of(resource)
    if day is None:
        return
    name, text = day
    yield Fact(DATED, who, text, _at(path, name))
    if kind == "MedicationAdministration" and resource.get("status") not in _NOT_GIVEN:
        yield Fact(GIVEN, who, text, _at(path, name), _referred(resource.get("context"), urls) or "")


def _scored(resource: Node, path: str, urls: Mapping[str, str], totals: Sequence[Total]) -> Iterator[Fact]:
    who, day = _referred(resource.get("subject"), urls), day_of(resource)
    if who is None or resource.get("status") == "entered-in-error":
        return
    for total in totals:
        code = total.named(resource)
        number = None if code is None else number_of(resource)
        if code is not None and number is not None:
            when = f"{who} {_referred(resource.get('encounter'), urls) or ''} {day[1] if day else ''} {total.code}"
            yield Fact(SCORED, when, str(number), path, code)


def day_of(resource: Node) -> tuple[str, str] | None:
    """When something was collected or happened: the element, and the day as written."""
    kind = str(resource.get("resourceType"))
    for name in _DATES.get(kind, ()):
        found = resource.get(name)
        if isinstance(found, str):
            return name, found[:10]
    name = _PERIODS.get(kind, "")
    for span in nodes(resource, name) if name else ():
        start = span.get("start")
        if isinstance(start, str):
            return f"{name}.start", start[:10]
    return None


def _consent(resource: Node, path: str, urls: Mapping[str, str]) -> Iterator[Fact]:
    """A consent to research that permits; its day, or nothing where it has none."""
    denied = any(one.get("type") == "deny" for one in nodes(resource, "provision"))
    who, day = _referred(resource.get("patient"), urls), resource.get("dateTime")
    if who is None or denied or not has_coding(resource, "scope", _SCOPE, "research"):
        return
    if resource.get("status") in ("active", "inactive") and isinstance(day, str):
        yield Fact(CONSENTED, who, day[:10], path)


def _windows(resource: Node, path: str) -> Iterator[Fact]:
    """The windows of our own schedule: days from the first infusion, from and to."""
    for action in nodes(resource, "action"):
        title = action.get("title")
        for related in nodes(action, "relatedAction"):
            sign = -1 if related.get("relationship") == "before-start" else 1
            for extension in nodes(related, "extension"):
                if not str(extension.get("url", "")).endswith("/StructureDefinition/visit-window"):
                    continue
                low, high = (_days(extension, end) for end in ("low", "high"))
                if isinstance(title, str) and low is not None and high is not None:
                    first, last = sorted((sign * low, sign * high))
                    yield Fact(PLANNED, title, str(first), path, str(last))


def _days(extension: Node, end: str) -> int | None:
    for quantity in nodes(extension, "valueRange", end):
        value = str(quantity.get("value"))
        if quantity.get("code") == "d" and value.lstrip("-").isdecimal():
            return int(value)
    return None


def _referred(reference: object, urls: Mapping[str, str]) -> str | None:
    """What a reference leads to as ``Type/id``, as far as the text tells."""
    text = reference.get("reference") if isinstance(reference, Mapping) else None
    if not isinstance(text, str):
        return None
    if text in urls:
        return urls[text]
    if text.startswith("urn:"):
        return None
    parts = text.partition("/_history/")[0].rsplit("/", 2)
    return "/".join(parts[-2:]) if len(parts) > 1 else None


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name

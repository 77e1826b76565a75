"""Search parameters: what of a resource goes into the index, and which rows of the index a query asks for.

https://hl7.org/fhir/R4/search.html, as far as the sync uses it: token, reference, date and uri parameters, without
modifiers and chains. What is not known is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from fhir_msc.sandbox import primitives, r4
from fhir_msc.sandbox.bodies import Resource
from fhir_msc.sandbox.outcome import Refused

Kind = Literal["token", "reference", "date", "uri"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter: ``elements`` are the paths it reads; ``target`` is the only type it finds."""

    kind: Kind
    elements: tuple[str, ...]
    target: str | None = None


@dataclass(slots=True)
class Rows:
    """A resource's rows in the index; names are ``Type.parameter``, times milliseconds with the end exclusive."""

    tokens: set[tuple[str, str, str]] = field(default_factory=set)
    """name, code, system ('' for none)"""
    dates: set[tuple[str, int, int]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Condition:
    """A piece of SQL over ``resource r``, and its arguments."""

    sql: str
    arguments: tuple[str | int, ...]


_WITHOUT_IDENTIFIER = frozenset(
    {"AdverseEvent", "AuditEvent", "Binary", "BiologicallyDerivedProduct", "Bundle", "OperationOutcome", "Parameters",
     "Provenance", "Subscription"}
)  # fmt: skip


def _token(element: str) -> Parameter:
    return Parameter("token", (element,))


def _date(*elements: str) -> Parameter:
    return Parameter("date", elements)


def _reference(path: str, target: str | None = None) -> Parameter:
    return Parameter("reference", (path,), target)


_PARAMETERS: Mapping[str, Mapping[str, Parameter]] = {
    "ResearchStudy": {
        "status": _token("status"),
        "category": _token("category"),
        "date": _date("period"),
        "partof": _reference("partOf"),
        "protocol": _reference("protocol"),
        "site": _reference("site"),
        "sponsor": _reference("sponsor"),
        "principalinvestigator": _reference("principalInvestigator"),
    },
    "ResearchSubject": {
        "status": _token("status"),
        "date": _date("period"),
        "study": _reference("study"),
        "individual": _reference("individual"),
        "patient": _reference("individual", "Patient"),
    },
    "Patient": {
        "active": _token("active"),
        "gender": _token("gender"),
        "birthdate": _date("birthDate"),
        "organization": _reference("managingOrganization"),
        "general-practitioner": _reference("generalPractitioner"),
    },
    "Organization": {
        "active": _token("active"),
        "type": _token("type"),
        "partof": _reference("partOf"),
    },
    "Consent": {
        "status": _token("status"),
        "scope": _token("scope"),
        "category": _token("category"),
        "date": _date("dateTime"),
        "patient": _reference("patient", "Patient"),
        "organization": _reference("organization"),
    },
    "Encounter": {
        "status": _token("status"),
        "class": _token("class"),
        "type": _token("type"),
        "date": _date("period"),
        "subject": _reference("subject"),
        "patient": _reference("subject", "Patient"),
        "service-provider": _reference("serviceProvider"),
        "part-of": _reference("partOf"),
    },
    "MedicationAdministration": {
        "status": _token("status"),
        "code": _token("medicationCodeableConcept"),
        "effective-time": _date("effectiveDateTime", "effectivePeriod"),
        "subject": _reference("subject"),
        "patient": _reference("subject", "Patient"),
        "context": _reference("context"),
        "medication": _reference("medicationReference"),
    },
    "Observation": {
        "status": _token("status"),
        "category": _token("category"),
        "code": _token("code"),
        "date": _date("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
        "subject": _reference("subject"),
        "patient": _reference("subject", "Patient"),
        "encounter": _reference("encounter"),
        "based-on": _reference("basedOn"),
        "has-member": _reference("hasMember"),
        "specimen": _reference("specimen"),
    },
    "AdverseEvent": {
        "actuality": _token("actuality"),
        "category": _token("category"),
        "event": _token("event"),
        "seriousness": _token("seriousness"),
        "severity": _token("severity"),
        "date": _date("date"),
        "subject": _reference("subject"),
        "study": _reference("study"),
        "location": _reference("location"),
        "recorder": _reference("recorder"),
        "resultingcondition": _reference("resultingCondition"),
        "substance": _reference("suspectEntity.instance"),
    },
    "CodeSystem": {
        "url": Parameter("uri", ("url",)),
        "status": _token("status"),
        "version": _token("version"),
        "date": _date("date"),
    },
}


@cache
def parameters(type_name: str) -> Mapping[str, Parameter]:
    """The parameters that read the bodies of a type; ``_id`` and ``_lastUpdated`` go by the server's own columns."""
    found: dict[str, Parameter] = {"_tag": Parameter("token", ("meta.tag",))}
    if "identifier" in r4.elements(type_name) and type_name not in _WITHOUT_IDENTIFIER:
        found["identifier"] = Parameter("token", ("identifier",))
    return {**found, **_PARAMETERS.get(type_name, {})}


def index(resource: Resource) -> Rows:
    """The rows of a resource. References have an index of their own, by path."""
    rows = Rows()
    type_name = resource["resourceType"]
    for name, parameter in parameters(type_name).items():
        key = f"{type_name}.{name}"
        for path in parameter.elements:
            for value in _at(resource, path.split(".")):
                if parameter.kind == "date":
                    if covered := _span(value):
                        rows.dates.add((key, *covered))
                elif parameter.kind != "reference":
                    rows.tokens.update((key, code, system) for system, code in _tokens(value))
    return rows


_ALTERNATIVES = 900  # SQLite's limit is a thousand


def conditions(type_name: str, query: Sequence[tuple[str, str]]) -> list[Condition]:
    """What a resource must fulfil, all of it; ``Refused`` for what is not known. Commas in a value mean or."""
    known = parameters(type_name)
    found = []
    for name, text in query:
        values = text.split(",")
        if not all(values):
            raise Refused(400, "value", f"The search parameter {name} has no value")
        if len(values) > _ALTERNATIVES:
            raise Refused(400, "too-costly", f"The search parameter {name} takes {_ALTERNATIVES} values at most")
        if name == "_id":
            marks = ", ".join("?" * len(values))
            found.append(Condition(f"r.id IN ({marks})", tuple(v.removeprefix(f"{type_name}/") for v in values)))
        elif name == "_lastUpdated":
            found.append(_any(_within("r.updated", "r.updated + 1", value, name) for value in values))
        elif name in known:
            found.append(_any(_one(type_name, name, known[name], value) for value in values))
        else:
            names = ", ".join(sorted(["_id", "_lastUpdated", *known]))
            raise Refused(400, "processing", f"Unknown search parameter for {type_name}; known are {names}")
    return found


def _one(type_name: str, name: str, parameter: Parameter, value: str) -> Condition:
    key = f"{type_name}.{name}"
    if parameter.kind == "date":
        within = _within("d.low", "d.high", value, name)
        sql = f"SELECT d.rid FROM date d WHERE d.name = ? AND {within.sql}"  # noqa: S608
        return Condition(f"r.rid IN ({sql})", (key, *within.arguments))
    if parameter.kind == "reference":
        target, _, identity = value.rpartition("/")
        path = f"{type_name}.{parameter.elements[0]}"
        sql, arguments = "SELECT rid FROM reference WHERE target_id = ? AND path = ?", [identity, path]
        for only in (target, parameter.target):
            if only:
                sql, arguments = f"{sql} AND target_type = ?", [*arguments, only]
        return Condition(f"r.rid IN ({sql})", tuple(arguments))
    system, bar, code = value.rpartition("|") if parameter.kind == "token" else ("", "", value)
    sql, arguments = "SELECT rid FROM token WHERE name = ?", [key]
    if code:
        sql, arguments = f"{sql} AND code = ?", [*arguments, code]
    if bar:
        sql, arguments = f"{sql} AND system = ?", [*arguments, system]
    return Condition(f"r.rid IN ({sql})", tuple(arguments))


def _within(low: str, high: str, value: str, name: str) -> Condition:
    prefix, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    covered = primitives.span(text)
    if covered is None:
        raise Refused(400, "value", f"The value of {name} is no date")
    start, end = covered
    match prefix:
        case "eq":
            return Condition(f"({low} >= ? AND {high} <= ?)", (start, end))
        case "ne":
            return Condition(f"NOT ({low} >= ? AND {high} <= ?)", (start, end))
        case "gt":
            return Condition(f"{high} > ?", (end,))
        case "ge":
            return Condition(f"{high} > ?", (start,))
        case "lt":
            return Condition(f"{low} < ?", (start,))
        case "le":
            return Condition(f"{low} < ?", (end,))
        case "sa":
            return Condition(f"{low} >= ?", (end,))
        case "eb":
            return Condition(f"{high} <= ?", (start,))
    raise Refused(400, "value", f"Unknown prefix in {name}; known are eq, ne, gt, ge, lt, le, sa, eb")


def _any(alternatives: Iterator[Condition]) -> Condition:
    found = list(alternatives)
    return Condition(
        "(" + " OR ".join(one.sql for one in found) + ")",
        tuple(argument for one in found for argument in one.arguments),
    )


def _at(node: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(node, list):
        for one in node:
            yield from _at(one, path)
    elif not path:
        yield node
    elif isinstance(node, dict) and path[0] in node:
        yield from _at(node[path[0]], path[1:])


def _tokens(value: Any) -> Iterator[tuple[str, str]]:
    """System ('' for none) and code of a CodeableConcept, Coding, Identifier, code or boolean."""
    if isinstance(value, bool):
        yield "", str(value).lower()
    elif isinstance(value, str):
        yield "", value
    elif isinstance(value, dict):
        for coding in value.get("coding", ()):
            yield from _tokens(coding)
        code = value.get("code", value.get("value"))
        if isinstance(code, str):
            yield str(value.get("system", "")), code


def _span(value: Any) -> tuple[int, int] | None:
    if isinstance(value, dict):
        return primitives.period(value.get("start"), value.get("end"))
    return primitives.span(value) if isinstance(value, str) else None

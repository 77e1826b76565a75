"""The rules of the resources that define things, sizes of attachments and absolute systems: right and wrong."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.validation import validate
from fhir_msc.validation.definitions import search_parameter

Json = dict[str, Any]


def code_system(properties: list[Json], *given: Json) -> Json:
    inner = {"code": "b", "property": [*given]} if given else {"code": "b"}
    base = {"resourceType": "CodeSystem", "status": "active", "content": "complete"}
    document = {**base, "concept": [{"code": "a", "concept": [inner]}]}
    return {**document, "property": properties} if properties else document


def search(**members: Any) -> Json:
    base = {"resourceType": "SearchParameter", "url": "http://x.org/s", "name": "x", "status": "active"}
    origin = {"derivedFrom": "http://hl7.org/fhir/SearchParameter/Organization-name"}
    return {**base, **origin, "description": "x", "code": "x", "base": ["Organization"], "type": "string", **members}


def capability(name: str, kind: str) -> Json:
    found = {"name": "x", "definition": f"http://hl7.org/fhir/SearchParameter/{name}|4.0.1", "type": kind}
    rest = {"mode": "server", "resource": [{"type": "Patient", "searchParam": [found]}], "searchParam": [found]}
    base = {"resourceType": "CapabilityStatement", "status": "active", "date": "2021", "kind": "requirements"}
    return {**base, "description": "x", "fhirVersion": "4.0.1", "format": ["json"], "rest": [rest]}


def attachment(size: int, data: str) -> Json:
    return {"resourceType": "Patient", "photo": [{"contentType": "image/png", "size": size, "data": data}]}


def expression(text: str, language: str = "text/fhirpath") -> Json:
    value = {"language": language, "expression": text}
    return {"resourceType": "Patient", "extension": [{"url": "http://x.org/e", "valueExpression": value}]}


def value_set(system: str) -> Json:
    return {"resourceType": "ValueSet", "status": "active", "compose": {"include": [{"system": system}]}}


DECLARED = {"code": "size", "type": "integer"}
HL7_S = {"code": "notSelectable", "uri": "http://hl7.org/fhir/concept-properties#notSelectable"}
CASES: list[tuple[str, list[Json], list[Json]]] = [
    (
        "ATTACHMENT-SIZE",
        [attachment(5, "aGVsbG8="), attachment(3, "YWJj"), attachment(4, "YWJj ZA==")],
        [attachment(8, "aGVsbG8="), attachment(4, "YWJj")],
    ),
    (
        "CONCEPT-PROPERTY",
        [
            code_system([DECLARED], {"code": "size", "valueInteger": 1}),
            code_system([{**HL7_S, "type": "boolean"}], {"code": "notSelectable", "valueBoolean": True}),
            code_system([{**HL7_S, "uri": "http://x.org#notSelectable", "type": "code"}]),
            code_system([], {"code": "inactive", "valueBoolean": True}),
        ],
        [
            code_system([DECLARED], {"code": "size", "valueString": "1"}),
            code_system([DECLARED], {"code": "weight", "valueInteger": 1}),
            code_system([{**HL7_S, "type": "dateTime"}]),
        ],
    ),
    (
        "EXPRESSION",
        [
            expression("Patient.name.where(use = 'official').exists()"),
            expression("not FHIRPath", "text/cql"),
            search(expression="Organization.name"),
        ],
        [expression("$ and %p"), expression("(" * 5000), search(expression="Organization.")],
    ),
    (
        "SEARCH-PARAMETER",
        [
            search(),
            search(derivedFrom="http://x.org/SearchParameter/y", type="token"),
            search(derivedFrom="http://hl7.org/fhir/SearchParameter/Resource-id", type="token"),
            capability("individual-birthdate", "date"),
        ],
        [search(type="token"), search(base=["Organization", "Patient"]), capability("individual-birthdate", "token")],
    ),
    (
        "SYSTEM",
        [value_set("http://x.org"), value_set("urn:oid:1.2.3")],
        [value_set("#c"), value_set("CodeSystem/c")],
    ),
]


def rules(document: Json) -> set[str]:
    return {finding.rule.removeprefix("MSC-FHIR-") for finding in validate(document)}


@pytest.mark.parametrize(("rule", "right", "wrong"), CASES, ids=[case[0] for case in CASES])
def test_what_holds_and_what_does_not(rule: str, right: list[Json], wrong: list[Json]) -> None:
    assert [rules(document) for document in right if rules(document)] == []
    assert [rules(document) for document in wrong if rule not in rules(document)] == []


def test_search_parameters_of_r4() -> None:
    found = search_parameter("http://hl7.org/fhir/SearchParameter/clinical-code")
    assert found is not None
    assert found.type == "token"
    assert {"Observation", "Condition"} <= found.bases
    assert search_parameter("http://hl7.org/fhir/SearchParameter/wat") is None

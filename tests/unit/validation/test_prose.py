"""Rules that R4 states in prose: of attachments, of bundles and documents, of ids, systems, canonical URLs."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.validation import validate

Json = dict[str, Any]

GENDER = "http://hl7.org/fhir/administrative-gender"
V3_GENDER = "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender"
LOINC = "http://loinc.org"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def observation(**members: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **members}


def coding(**members: Any) -> Json:
    return observation(category=[{"coding": [members]}])


def attachment(**members: Any) -> Json:
    return {"resourceType": "Patient", "photo": [{"contentType": "text/plain", **members}]}


def code_system(**members: Any) -> Json:
    return {"resourceType": "CodeSystem", "status": "draft", "content": "complete", **members}


def concept_map(element: Json, **group: str) -> Json:
    return {"resourceType": "ConceptMap", "status": "draft", "group": [{**group, "element": [element]}]}


def mapped(code: str, *targets: str) -> Json:
    return {"code": code, "target": [{"code": target, "equivalence": "equal"} for target in targets]}


def entry(url: str, resource: Json) -> Json:
    return {"fullUrl": url, "resource": resource}


def message(*entries: Json, kind: str = "collection") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def page(*relations: str) -> Json:
    links = [{"relation": relation, "url": "http://x.org"} for relation in relations]
    return {"resourceType": "Bundle", "type": "searchset", "link": links}


def pictured(div: str, **members: Any) -> Json:
    return {"resourceType": "Patient", "text": {"status": "generated", "div": DIV.format(div)}, **members}


def composition(**members: Any) -> Json:
    base = {"resourceType": "Composition", "id": "1", "status": "final", "type": {"text": "x"}, "date": "2021"}
    return {**base, "title": "x", "author": [{"display": "x"}], **members}


def document(first: Json, *others: Json, **members: Any) -> Json:
    url = "http://x.org/{resourceType}/{id}"
    entries = [entry(url.format(**resource), resource) for resource in (first, *others)]
    identified = {"identifier": {"system": "http://x.org/i", "value": "1"}, "timestamp": "2021-01-01T00:00:00Z"}
    return {**message(*entries, kind="document"), **identified, **members}


def value_set(**members: Any) -> Json:
    return {"resourceType": "ValueSet", "status": "active", **members}


HEAD: Json = {
    "resourceType": "MessageHeader",
    "eventUri": "http://x.org/e",
    "source": {"endpoint": "http://x.org"},
    "focus": [{"reference": "Patient/1"}],
}
PATIENT: Json = {"resourceType": "Patient", "id": "1"}
ABOUT: Json = {"subject": {"reference": "Patient/1"}}
SECTIONS: Json = {"section": [{"title": "x", "section": [{"title": "y", "entry": [{"reference": "Patient/1"}]}]}]}
LINKED = {"status": "generated", "div": DIV.format('<a href="#c">x</a>')}

RIGHT = [
    concept_map(mapped("male", "M"), source=GENDER, target=V3_GENDER),
    concept_map(mapped("Male", "x"), source="http://x.org/s", target=V3_GENDER, targetVersion="2099"),
    coding(system=LOINC, code="1-8"),
    coding(system="http://loinc.example.org", code="1-8"),
    coding(system="urn:iso:std:iso:3166", code="DE"),
    coding(system="urn:iso:std:iso:3166", code="US-CA"),
    attachment(data="SGVsbG8=", size=5, hash="9/+ei3uy4Jtwk1pdeF4MxdnQq/A="),
    attachment(data="SGVsbG8=", size=5),
    attachment(url="http://x.org/p", size=7),
    code_system(concept=[{"code": "a", "concept": [{"code": "b"}]}], count=2),
    code_system(count=9, content="fragment", concept=[{"code": "a"}]),
    message(entry("http://x.org/Patient/1", PATIENT)),
    message(entry("http://x.org/MessageHeader/2", {**HEAD, "id": "2"}), entry("http://x.org/Patient/1", PATIENT)),
    page("self", "next", "up", "up"),
    pictured("<p id='c'>x</p><img src='#c'/>"),
    pictured("<img src='#n'/>", name=[{"id": "n", "text": "x"}]),
    pictured("<img src='http://x.org/i.png'/>"),
    pictured('<a name="c">x</a><a href="#c">y</a>'),
    pictured('<a href="http://x.org#c">y</a>'),
    pictured('<img src="#b" alt=""/>', contained=[{"resourceType": "Binary", "id": "b", "contentType": "image/png"}]),
    document(composition(**ABOUT), PATIENT),
    document(composition(subject={"reference": "http://x.org/Patient/1"}), PATIENT),
    document(composition(**SECTIONS), PATIENT),
    document(composition(**ABOUT), PATIENT, observation(id="1", **ABOUT)),
    value_set(url="http://x.org/v"),
    value_set(url="urn:oid:1.2.3"),
    code_system(content="supplement", supplements="http://x.org"),
    {"resourceType": "Patient", "id": "a", "name": [{"id": "a", "text": "x"}, {"id": "b", "text": "x"}]},
]

WRONG = [
    (
        concept_map(mapped("male", "M", "UNK"), source=GENDER, target=V3_GENDER),
        "CODE",
        "ConceptMap.group[0].element[0].target[1].code",
    ),
    (concept_map(mapped("Male", "M"), source=GENDER, target=V3_GENDER), "CODE", "ConceptMap.group[0].element[0].code"),
    (coding(system=f"{LOINC}/", code="1-8"), "SYSTEM", "Observation.category[0].coding[0].system"),
    (
        observation(valueQuantity={"value": 1, "system": "http://unitsofmeasure.org/", "code": "g"}),
        "SYSTEM",
        "Observation.valueQuantity.system",
    ),
    (coding(system="urn:iso:std:iso:3166", code="Germany"), "CODE", "Observation.category[0].coding[0].code"),
    (coding(system="urn:iso:std:iso:3166", code="de"), "CODE", "Observation.category[0].coding[0].code"),
    (attachment(data="SGVsbG8=", size=6), "ATTACHMENT-SIZE", "Patient.photo[0].size"),
    (attachment(data="SGVsbG8=", hash="59b0c6e8fe008072448f0aaa98ff3e0d"), "ATTACHMENT-HASH", "Patient.photo[0].hash"),
    (code_system(concept=[{"code": "a", "concept": [{"code": "b"}]}], count=1), "CONCEPT-PROPERTY", "CodeSystem.count"),
    (code_system(concept=[{"code": "a"}], count=2), "CONCEPT-PROPERTY", "CodeSystem.count"),
    (message({"resource": PATIENT}), "BUNDLE-FULLURL", "Bundle.entry[0]"),
    (
        message(
            entry("urn:uuid:04121321-4af5-424c-a0e1-ed3aab1c349d", HEAD),
            entry("http://x.org/Patient/1", PATIENT),
            kind="message",
        ),
        "REFERENCE-UNRESOLVED",
        "Bundle.entry[0].resource.focus[0].reference",
    ),
    (
        message(
            entry("http://x.org/MessageHeader/2", {**HEAD, "id": "2"}),
            entry("http://y.org/Patient/1", PATIENT),
            kind="message",
        ),
        "REFERENCE-UNRESOLVED",
        "Bundle.entry[0].resource.focus[0].reference",
    ),
    (page("self", "next", "self"), "BUNDLE-LINK", "Bundle.link[2]"),
    (page("next", "next"), "BUNDLE-LINK", "Bundle.link[1]"),
    (pictured("<img src='#c'/>"), "STRUCTURE-NARRATIVE", "Patient.text.div"),
    (pictured('<p id="d">x</p><img alt="" src="#c"/>'), "STRUCTURE-NARRATIVE", "Patient.text.div"),
    (pictured('<a href="#c">x</a>'), "STRUCTURE-NARRATIVE", "Patient.text.div"),
    (pictured('<a href="">x</a>'), "STRUCTURE-NARRATIVE", "Patient.text.div"),
    (composition(section=[{"title": "x", "text": LINKED}]), "STRUCTURE-NARRATIVE", "Composition.section[0].text.div"),
    (
        composition(section=[{"title": "x", "section": [{"title": "y", "text": LINKED}]}]),
        "STRUCTURE-NARRATIVE",
        "Composition.section[0].section[0].text.div",
    ),
    (document(composition(**ABOUT)), "BUNDLE-DOCUMENT", "Bundle.entry[0].resource"),
    (document(composition(**SECTIONS)), "BUNDLE-DOCUMENT", "Bundle.entry[0].resource"),
    (document(composition(), PATIENT), "BUNDLE-DOCUMENT", "Bundle.entry[1]"),
    (
        message(entry("http://x.org/MessageHeader/2", {**HEAD, "id": "2"}), kind="message"),
        "BUNDLE-DOCUMENT",
        "Bundle.entry[0].resource",
    ),
    (value_set(url="v"), "CANONICAL-URL", "ValueSet.url"),
    (value_set(url="#v"), "CANONICAL-URL", "ValueSet.url"),
    (code_system(content="supplement"), "CONCEPT-PROPERTY", "CodeSystem.supplements"),
    (
        {"resourceType": "Patient", "name": [{"id": "b", "text": "x"}, {"id": "b", "text": "y"}]},
        "ELEMENT-ID",
        "Patient.name[1].id",
    ),
    (
        {"resourceType": "Patient", "birthDate": "1990", "_birthDate": {"id": "b"}, "name": [{"id": "b", "text": "y"}]},
        "ELEMENT-ID",
        "Patient.name[0].id",
    ),
]


@pytest.mark.parametrize("document", RIGHT)
def test_right(document: Json) -> None:
    assert validate(document) == []


@pytest.mark.parametrize(("document", "rule", "path"), WRONG)
def test_wrong(document: Json, rule: str, path: str) -> None:
    assert [(found.rule, found.path) for found in validate(document)] == [(f"MSC-FHIR-{rule}", path)]


def test_each_resource_has_element_ids_of_its_own() -> None:
    name = [{"id": "b", "text": "x"}]
    inner = {"resourceType": "Patient", "id": "c", "name": name}
    outer = {
        "resourceType": "Patient",
        "name": name,
        "contained": [inner],
        "link": [{"other": {"reference": "#c"}, "type": "refer"}],
    }
    assert validate(outer) == []
    both = message(entry("http://x.org/Patient/c", inner), entry("http://x.org/Patient/d", {**inner, "id": "d"}))
    assert validate(both) == []
    twice = {**inner, "name": name * 2}
    found = validate(message(entry("http://x.org/Patient/c", twice)))
    assert [(one.rule, one.path) for one in found] == [("MSC-FHIR-ELEMENT-ID", "Bundle.entry[0].resource.name[1].id")]


ELEMENTS = [{"id": "Patient", "path": "Patient"}, {"id": "Patient.name", "path": "Patient.name"}]


def structure(*, snapshot: list[Json], differential: list[Json]) -> Json:
    return {
        "resourceType": "StructureDefinition",
        "url": "http://x.org/StructureDefinition/p",
        "name": "P",
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "snapshot": {"element": [{**e, "min": 0, "max": "*", "base": BASE, "definition": "x"} for e in snapshot]},
        "differential": {"element": differential},
    }


BASE = {"path": "Patient", "min": 0, "max": "*"}


def test_the_two_forms_of_a_profile_name_the_same_elements() -> None:
    assert validate(structure(snapshot=ELEMENTS, differential=ELEMENTS)) == []


@pytest.mark.parametrize("form", ["snapshot", "differential"])
def test_no_form_of_a_profile_names_an_element_twice(form: str) -> None:
    named = {"snapshot": ELEMENTS, "differential": ELEMENTS, form: [*ELEMENTS, ELEMENTS[1]]}
    found = [(one.rule, one.path) for one in validate(structure(**named))]
    assert ("MSC-FHIR-ELEMENT-ID", f"StructureDefinition.{form}.element[2].id") in found

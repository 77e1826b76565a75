"""What R4 allows, and is an error where somebody says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.validation import refused_findings, validate
from fhir_msc.validation.files import validate_files
from fhir_msc.validation.refusals import Refused

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"


def note(text: str) -> dict[str, Any]:
    return {"resourceType": "Communication", "status": "completed", "note": [{"text": text}]}


def named(text: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"text": text}]}


def of_system(uri: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": uri, "value": "1"}]}


def extended(url: str, **inside: object) -> dict[str, Any]:
    return {"resourceType": "Patient", "extension": [{"url": url, **(inside or {"valueBoolean": True})}]}


def bundled(reference: str) -> dict[str, Any]:
    patient: dict[str, Any] = {"resourceType": "Patient", "id": "p", "contained": [], "active": True}
    patient["contained"] = [{"resourceType": "Organization", "id": "o", "name": "x"}]
    flag = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "subject": {"reference": reference}}
    entries = [
        {"fullUrl": f"http://a.org/fhir/{one['resourceType']}/{one['id']}", "resource": one} for one in (patient, flag)
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


RIGHT = [
    (Refused.HTML_IN_MARKDOWN, note("a < b and b > a, <https://a.org> and <me@a.org>, 3 <4")),
    (Refused.HTML_IN_MARKDOWN, named("<b>x</b>")),
    (Refused.HTML_IN_TEXT, note("<b>x</b>")),
    (Refused.HTML_IN_TEXT, named("Robert < Bob 5 > & x<y")),
    (Refused.EXAMPLE_URLS, of_system("https://hospital.org/example.org")),
    (Refused.EXAMPLE_URLS, of_system("urn:oid:1.2.3")),
    (Refused.EXAMPLE_URLS, of_system("https://counterexample.org/x")),
    (Refused.UNRESOLVED_REFERENCES, bundled("Patient/p")),
    (Refused.UNRESOLVED_REFERENCES, bundled("Patient/p/_history/2")),
    (Refused.UNRESOLVED_REFERENCES, bundled("http://elsewhere.org/fhir/Patient/1")),
    (Refused.UNKNOWN_EXTENSIONS, extended(f"{_EXTENSION}patient-animal", extension=[{"url": "species"}])),
    (Refused.UNKNOWN_EXTENSIONS, extended(f"{_EXTENSION}patient-cadavericDonor")),
    (Refused.UNKNOWN_EXTENSIONS, extended("http://hl7.org/fhir/5.0/StructureDefinition/extension-Patient.link.other")),
]
WRONG = [
    (Refused.HTML_IN_MARKDOWN, note("see <br/> here"), "Communication.note[0].text"),
    (Refused.HTML_IN_MARKDOWN, note("<resource type>"), "Communication.note[0].text"),
    (Refused.HTML_IN_TEXT, named("Bob <script>x</script>"), "Patient.name[0].text"),
    (Refused.HTML_IN_TEXT, named("<img src=x onerror=y>"), "Patient.name[0].text"),
    (Refused.EXAMPLE_URLS, of_system("http://example.org/mrn"), "Patient.identifier[0].system"),
    (Refused.EXAMPLE_URLS, of_system("https://FHIR.Example.com:8080/mrn"), "Patient.identifier[0].system"),
    (Refused.EXAMPLE_URLS, of_system("https://hospital.example/mrn"), "Patient.identifier[0].system"),
    (Refused.UNRESOLVED_REFERENCES, bundled("Patient/q"), "Bundle.entry[1].resource.subject.reference"),
    (Refused.UNRESOLVED_REFERENCES, bundled("Organization/o"), "Bundle.entry[1].resource.subject.reference"),
    (Refused.UNKNOWN_EXTENSIONS, extended("https://a.org/x"), "Patient.extension[0].url"),
    (Refused.UNKNOWN_EXTENSIONS, extended(f"{_EXTENSION}no-such"), "Patient.extension[0].url"),
    (Refused.UNKNOWN_EXTENSIONS, extended(f"{_EXTENSION}bp"), "Patient.extension[0].url"),
]


@pytest.mark.parametrize(("refused", "document"), RIGHT)
def test_what_is_not_meant(refused: Refused, document: dict[str, Any]) -> None:
    assert refused_findings(json.dumps(document), [refused]) == []


@pytest.mark.parametrize(("refused", "document", "path"), WRONG)
def test_what_is_refused(refused: Refused, document: dict[str, Any], path: str) -> None:
    text = json.dumps(document)
    [found] = refused_findings(text, [refused])
    assert (found.path, found.is_error) == (path, True)
    assert found.value not in found.message
    assert refused_findings(text, []) == []
    assert found.rule not in {one.rule for one in validate(text)}
    others = [one for one in Refused if one is not refused]
    assert found.rule not in {one.rule for one in refused_findings(text, others)} or found.rule.endswith("MARKUP")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"resourceType": 1}', '{"resourceType": "Bundle", "entry": [1, {"resource": {"id": []}}]}',
     '{"resourceType": "Patient", "extension": [{"url": "http://[x"}], "identifier": [{"system": "http://[x"}]}'],
)  # fmt: skip
def test_whatever_stands_there(text: str) -> None:
    assert all(one.rule.startswith("MSC-REFUSED") for one in refused_findings(text, list(Refused)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_of_files_each_with_its_place(jobs: int, tmp_path: Path) -> None:
    lines = [json.dumps(document) for _, document, _ in WRONG]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    report = validate_files([tmp_path / "a.ndjson"], jobs=jobs, refused=[Refused.EXAMPLE_URLS])
    places = [one.finding.place for one in report.findings if one.finding.rule == "MSC-REFUSED-EXAMPLE-URL"]
    assert sorted(place.line for place in places if place is not None) == [5, 6, 7]

"""`/metadata` says what the server is; the sandbox's says no more and no less than it does."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.rest import Fhir, Resource


def statement(fhir: Fhir) -> Resource:
    return fhir.ok(fhir.get("metadata"))


def test_the_capability_statement_is_one_of_an_r4_server(fhir: Fhir) -> None:
    capabilities = statement(fhir)
    assert capabilities["resourceType"] == "CapabilityStatement"
    assert capabilities["fhirVersion"] == "4.0.1"
    assert capabilities["kind"] == "instance"
    assert any("json" in form for form in capabilities["format"])
    (rest,) = capabilities["rest"]
    assert rest["mode"] == "server"
    assert "transaction" in [interaction["code"] for interaction in rest["interaction"]]


@pytest.mark.parametrize(
    "type_",
    ["ResearchStudy", "ResearchSubject", "Patient", "Organization", "Consent", "Encounter",
     "MedicationAdministration", "Observation", "AdverseEvent", "CodeSystem"],
)  # fmt: skip
def test_each_type_says_how_it_can_be_written_and_searched(fhir: Fhir, type_: str) -> None:
    (declared,) = [r for r in statement(fhir)["rest"][0]["resource"] if r["type"] == type_]
    interactions = {interaction["code"] for interaction in declared["interaction"]}
    assert {"read", "vread", "create", "update", "delete", "search-type", "history-instance"} <= interactions
    parameters = {parameter["name"] for parameter in declared["searchParam"]}
    assert ("identifier" in parameters) is (type_ != "AdverseEvent")
    assert {"_id", "_lastUpdated", "_tag"} <= parameters


def test_the_sandbox_takes_every_parameter_that_it_declares(sandbox_base_url: str, http: httpx.Client) -> None:
    capabilities = http.get(f"{sandbox_base_url}/metadata").json()
    assert capabilities["software"]["name"] == "fhir_msc sandbox"
    for declared in capabilities["rest"][0]["resource"]:
        assert declared["updateCreate"] is True
        assert declared["conditionalCreate"] is True
        assert declared["conditionalUpdate"] is True
        if len(declared["searchParam"]) > 5:
            for parameter in declared["searchParam"]:
                value = "2021" if parameter["type"] == "date" else "x"
                response = http.get(f"{sandbox_base_url}/{declared['type']}", params={parameter["name"]: value})
                assert response.status_code == 200, (declared["type"], parameter["name"])

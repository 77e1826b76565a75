"""What a target cannot have is left out of what refers to it."""

from __future__ import annotations

import pytest

from fhir_msc.sync.addresses import Addressing, addressed
from fhir_msc.target.fhirjson import parse
from fhir_msc.target.routes import Route, RouteKind

ADDRESSING = Addressing(
    "https://trial.example.org/id/sync",
    {
        "Specimen": Route("Specimen", RouteKind.UNSUPPORTED, "not declared"),
        "Observation": Route("Observation", RouteKind.CLIENT_ID_PUT, "declared"),
    },
)
RID, SAMPLE = "o" + "1" * 40, "n" + "2" * 40


@pytest.mark.parametrize(
    ("specimen", "kept"),
    [
        (f'{{"reference":"Specimen/{SAMPLE}","display":"SERUM"}}', None),
        ('{"display":"SERUM"}', {"display": "SERUM"}),
    ],
)
def test_a_result_goes_without_its_sample(specimen: str, kept: object) -> None:
    body = f'{{"resourceType":"Observation","id":"{RID}","status":"final","specimen":{specimen}}}'.encode()
    assert "Specimen" in ADDRESSING.lacking
    found = parse(addressed(body, ADDRESSING, "Observation", RID, {}))
    assert found.get("specimen") == kept
    assert found["status"] == "final"

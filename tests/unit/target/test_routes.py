"""The route plan: one route per type, with its reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.target.capabilities import read_capabilities
from fhir_msc.target.families import Family, detect_family
from fhir_msc.target.fhirjson import parse
from fhir_msc.target.routes import WRITES, Role, RouteKind, route_plan
from tests.unit.target.statements import capabilities, resource

PUT, UPSERT, ONCE, SEARCH, READ, NONE = RouteKind


@pytest.mark.parametrize(
    ("declared", "family", "client_ids", "kind", "by", "words"),
    [
        (resource("Observation", updateCreate=True), "other", None, PUT, "identifier", "declares updateCreate"),
        (resource("Observation", search=(), updateCreate=True), "other", None, PUT, None, "declares updateCreate"),
        (resource("Observation"), "hapi", None, PUT, "identifier", "HAPI FHIR takes client ids"),
        (resource("Observation"), "other", True, PUT, "identifier", "the config says"),
        (resource("Observation", updateCreate=False), "other", True, PUT, "identifier", "the config says"),
        # a plain no goes before what is known of the family
        (resource("Observation", updateCreate=False), "hapi", None, SEARCH, "identifier", "create and search"),
        (resource("Observation", updateCreate=True), "hapi", False, SEARCH, "identifier", "create and search"),
        (resource("Observation", conditionalUpdate=True), "medplum", None, UPSERT, "identifier", "conditionalUpdate"),
        (resource("Observation", conditionalCreate=True), "iris", None, ONCE, "identifier", "conditionalCreate"),
        (
            resource("Observation", ("create", "search-type"), conditionalUpdate=True, conditionalCreate=True),
            "other",
            None,
            ONCE,
            "identifier",
            "conditionalCreate",
        ),
        (resource("Observation", search=("_tag",)), "other", None, SEARCH, "_tag", "search by _tag"),
        (resource("Observation", search=("patient",)), "oracle", None, READ, None, "could not be found"),
        (resource("Observation", ("create",)), "other", None, NONE, None, "could not be found"),
        (
            resource("Observation", ("update", "read", "search-type")),
            "other",
            None,
            READ,
            "identifier",
            "neither create",
        ),
        (
            resource("Observation", ("read", "search-type")),
            "hapi",
            None,
            READ,
            "identifier",
            "neither create nor update",
        ),
        (resource("Observation", ("read",)), "hapi", True, READ, None, "neither create nor update"),
        ({"type": "Observation", "operation": [{"name": "export"}]}, "hapi", None, NONE, None, "neither create nor"),
        (resource("Patient"), "hapi", None, NONE, None, "does not declare the type"),
    ],
)
def test_one_type(
    declared: dict[str, Any], family: Family, client_ids: bool | None, kind: RouteKind, by: str | None, words: str
) -> None:
    (route,) = route_plan(capabilities(declared), ["Observation"], family, "store", client_ids=client_ids)
    assert (route.type, route.kind, route.by) == ("Observation", kind, by)
    assert words in route.reason
    assert route.deliverable is (kind in WRITES)


def test_an_ehr_is_not_written_to_unless_the_config_says_so() -> None:
    declared = capabilities(resource("Observation", updateCreate=True), resource("Patient", updateCreate=True))
    types = ["Patient", "Observation", "ResearchSubject"]
    off = route_plan(declared, types, "other", "ehr")
    assert [route.kind for route in off] == [READ, READ, NONE]
    assert "ehr" in off[0].reason
    some = route_plan(declared, types, "other", "ehr", writable={"Observation"})
    assert [(route.type, route.kind) for route in some] == [
        ("Patient", READ),
        ("Observation", PUT),
        ("ResearchSubject", NONE),
    ]
    assert not any(route.deliverable for route in off)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "role", "kinds"),
    [
        ("epic", "ehr", {"Observation": READ, "ResearchSubject": READ, "BiologicallyDerivedProduct": NONE}),
        ("epic", "store", {"Observation": SEARCH, "Patient": SEARCH, "AdverseEvent": READ}),
        ("oracle", "store", {"Observation": READ, "Patient": SEARCH, "ResearchStudy": NONE, "Group": NONE}),
        ("meditech", "store", {"Observation": READ, "Consent": NONE}),
    ],
)
def test_captured_statements(name: str, role: Role, kinds: dict[str, RouteKind]) -> None:
    path = Path("../shared/reference/capabilities") / f"{name}.json"
    read = read_capabilities(parse(path.read_bytes()))
    plan = route_plan(read, list(kinds), detect_family(read), role)
    assert {route.type: route.kind for route in plan} == kinds


def test_planning_loads_no_http_library() -> None:
    code = (
        "import sys, fhir_msc.target.auth, fhir_msc.target.families, fhir_msc.target.retry, fhir_msc.target.routes;"
        "sys.exit('httpx' in sys.modules or 'tenacity' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

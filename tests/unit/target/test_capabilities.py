"""Reading a CapabilityStatement, whatever it leaves out or spells oddly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.errors import TargetError
from fhir_msc.target.capabilities import Capabilities, TypeCapabilities, read_capabilities, require_r4
from fhir_msc.target.families import PRESETS, Limits, detect_family, limits
from fhir_msc.target.fhirjson import parse
from tests.unit.target.statements import capabilities, resource, statement

REFERENCE = Path("../shared/reference/capabilities")


def captured(name: str) -> Capabilities:
    return read_capabilities(parse((REFERENCE / f"{name}.json").read_bytes()))


def test_everything_that_is_declared() -> None:
    observation = resource(
        "Observation",
        ("read", "update"),
        ("identifier", "_tag"),
        versioning="versioned-update",
        readHistory=True,
        updateCreate=True,
        conditionalCreate=True,
        conditionalUpdate=True,
        referencePolicy=["literal", "enforced"],
        supportedProfile=["http://hl7.org/fhir/StructureDefinition/vitalsigns"],
    )
    read = capabilities(
        observation,
        system=("transaction", "batch"),
        publisher="A hospital",
        software={"name": "HAPI FHIR Server", "version": "8.8.0"},
        implementation={"description": "research store"},
        format=["application/fhir+xml", "json"],
    )
    assert read == Capabilities(
        fhir_version="4.0.1",
        software="HAPI FHIR Server",
        software_version="8.8.0",
        publisher="A hospital",
        description="research store",
        formats=("application/fhir+xml", "json"),
        system_interactions=frozenset({"transaction", "batch"}),
        types={
            "Observation": TypeCapabilities(
                type="Observation",
                interactions=frozenset({"read", "update"}),
                versioning="versioned-update",
                update_create=True,
                conditional_create=True,
                conditional_update=True,
                read_history=True,
                search_params=frozenset({"identifier", "_tag"}),
                reference_policy=frozenset({"literal", "enforced"}),
                profiles=("http://hl7.org/fhir/StructureDefinition/vitalsigns",),
            )
        },
    )
    require_r4(read)


def test_what_is_absent_is_not_declared() -> None:
    read = read_capabilities({"resourceType": "CapabilityStatement"})
    assert (read.fhir_version, read.software, read.publisher, read.types) == (None, None, None, {})
    (group,) = capabilities({"type": "Group", "operation": [{"name": "export"}]}).types.values()
    assert group.update_create is None
    assert (group.conditional_create, group.conditional_update, group.can("read")) == (False, False, False)
    assert not group.can_search("_id")


@pytest.mark.parametrize(
    ("declared", "asked", "found"),
    [("_lastupdated", "_lastUpdated", True), ("-encounter", "encounter", True), ("identifier", "_tag", False)],
)
def test_odd_spellings_of_parameters(declared: str, asked: str, found: bool) -> None:
    assert capabilities(resource("Observation", search=(declared,))).types["Observation"].can_search(asked) is found


def test_a_parameter_without_search_is_of_no_use() -> None:
    assert not capabilities(resource("Observation", ("read",))).types["Observation"].can_search("identifier")


def test_the_rest_of_a_server_goes_before_that_of_a_client() -> None:
    document = statement(resource("Observation"))
    document["rest"].insert(0, {"mode": "client", "resource": [resource("Patient")]})
    assert list(read_capabilities(document).types) == ["Observation"]


@pytest.mark.parametrize(
    ("version", "r4"),
    [
        ("4.0.0", True),
        ("4.0.1", True),
        ("4.3.0", True),
        ("4.1.0", False),
        ("5.0.0", False),
        ("3.0.2", False),
        (None, False),
    ],
)
def test_only_r4(version: str | None, r4: bool) -> None:
    read = capabilities(fhirVersion=version)
    assert read.is_r4 is r4
    if not r4:
        with pytest.raises(TargetError, match="R4 base URL"):
            require_r4(read)


def test_json_is_needed() -> None:
    with pytest.raises(TargetError, match="JSON"):
        require_r4(capabilities(format=["application/fhir+xml"]))
    require_r4(capabilities(format=[]))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"resourceType": "Conformance"}, "DSTU2"),
        ({"resourceType": "OperationOutcome"}, "gives OperationOutcome"),
        ({}, "gives something else"),
        ({"resourceType": "Max Mustermann"}, "gives something else"),
    ],
)
def test_another_document(document: dict[str, Any], words: str) -> None:
    with pytest.raises(TargetError, match=words):
        read_capabilities(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "code", "name"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(["rest", "software", "format", "fhirVersion", "implementation"]), JSON), JSON, JSON
)
def test_no_shape_breaks_it(document: dict[str, Any], first: Any, second: Any) -> None:
    read_capabilities({**document, "resourceType": "CapabilityStatement"})
    rest = {"mode": "server", "resource": [{"type": "Patient", "interaction": first, "searchParam": second}]}
    read = read_capabilities({**document, "resourceType": "CapabilityStatement", "rest": [rest]})
    assert list(read.types) == ["Patient"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "family", "types", "limit"),
    [
        ("epic", "epic", 59, Limits(None, 1, 1_000_000)),
        ("oracle", "oracle", 44, Limits("batch", 20, 1_000_000)),
        ("meditech", "meditech", 33, Limits(None, 1, 1_000_000)),
    ],
)
def test_captured_statements(name: str, family: str, types: int, limit: Limits) -> None:
    read = captured(name)
    require_r4(read)
    assert len(read.types) == types
    assert detect_family(read) == family
    assert limits(read, detect_family(read)) == limit


@pytest.mark.shared
def test_what_the_captured_ones_are_known_for() -> None:
    epic, oracle = captured("epic").types, captured("oracle").types
    assert epic["DocumentReference"].can_search("_lastUpdated")
    assert epic["Observation"].update_create is False
    assert epic["ResearchSubject"].interactions == {"read", "search-type"}
    assert oracle["Observation"].update_create is False
    assert not oracle["Observation"].can_search("identifier")
    assert "ResearchSubject" not in oracle
    assert oracle["Group"].interactions == frozenset()
    assert captured("meditech").types["Observation"].update_create is None


@pytest.mark.parametrize(
    ("names", "family"),
    [
        ({"software": {"name": "HAPI FHIR Server"}}, "hapi"),
        ({"software": {"name": "Smile CDR"}, "publisher": "HAPI FHIR"}, "smile"),
        ({"software": {"name": "Azure Healthcare APIs"}, "publisher": "Microsoft"}, "azure"),
        ({"software": {"name": "Google Cloud Healthcare API"}}, "google"),
        ({"software": {"name": "AWS HealthLake"}}, "healthlake"),
        ({"publisher": "Medplum"}, "medplum"),
        ({"software": {"name": "IRIS for Health"}}, "iris"),
        ({"publisher": "Oracle Health"}, "oracle"),
        ({"publisher": "Medical Information Technology, Inc"}, "meditech"),
        ({"software": {"name": "Epic"}}, "epic"),
        ({"software": {"name": "fhir_msc sandbox"}}, "other"),
        ({}, "other"),
    ],
)
def test_families(names: dict[str, Any], family: str) -> None:
    assert detect_family(capabilities(**names)) == family


def test_limits() -> None:
    # what is declared goes before what is known of the family
    assert limits(capabilities(system=("batch", "transaction")), "other") == Limits("transaction", 100, 1_000_000)
    assert limits(capabilities(system=("batch",)), "hapi") == Limits("batch", 100, 1_000_000)
    assert limits(capabilities(), "hapi") == Limits("transaction", 100, 1_000_000)
    assert limits(capabilities(), "other") == Limits(None, 1, 1_000_000)
    assert PRESETS["medplum"].conditional_entries == 8
    assert "other" not in PRESETS

"""The table of R4: whole, and every part of it compiles."""

from __future__ import annotations

import pytest

from fhir_msc.validation.definitions import codes_of, is_unknown_code, origin, resource_types, type_named, type_names
from fhir_msc.validation.narrative import narrative_problem
from fhir_msc.validation.primitives import CHECKS
from fhir_msc.validation.problems import Within
from fhir_msc.validation.structure import object_check

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def test_all_resource_types_are_there() -> None:
    assert len(resource_types()) == 146
    assert {"Patient", "Observation", "Bundle", "CarePlan"} <= resource_types()


def test_the_origin_is_stated() -> None:
    assert [(part["package"], part["version"], part["license"]) for part in origin()] == [
        ("hl7.fhir.r4.examples", "4.0.1", "CC0-1.0"),
        ("hl7.fhir.r4.expansions", "4.0.1", "CC0-1.0"),
    ]
    assert all(len(part["sha256"]) == 64 for part in origin())


def test_every_element_of_every_type_compiles() -> None:
    """Each element is met once, with a value that no type takes."""
    for name in sorted(type_names()):
        kind = type_named(name)
        for element in kind.elements:
            for json_name, code in element.json_names.items():
                assert code in type_names() or code in CHECKS or code == "xhtml", f"{name}.{json_name}"
                assert object_check(name)({json_name: {"wat": 0}}, Within()), f"{name}.{json_name}"


def test_codes() -> None:
    assert codes_of("http://hl7.org/fhir/ValueSet/administrative-gender") == {
        "http://hl7.org/fhir/administrative-gender": {"male", "female", "other", "unknown"}
    }
    assert codes_of("http://hl7.org/fhir/ValueSet/mimetypes") is None
    assert is_unknown_code("http://hl7.org/fhir/administrative-gender", "Male")
    assert not is_unknown_code("http://hl7.org/fhir/administrative-gender", "male")
    assert not is_unknown_code("http://loinc.org", "wat")


@pytest.mark.parametrize(
    "text", ["x", "<p>a<b>b</b></p>", '<img src="a.png" alt="x"/>', '<p xml:lang="en">x</p>', "&#160;x &lt;"]
)
def test_narratives(text: str) -> None:
    assert narrative_problem(DIV.format(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "<div>x</div>",
        "<p>",
        DIV.format(""),
        DIV.format(" "),
        DIV.format("<script>x</script>"),
        DIV.format('<p onclick="x">x</p>'),
        DIV.format('<a href=" JavaScript:x">x</a>'),
        DIV.format("&nbsp;"),
        DIV.format("<p>x"),
        DIV.format("x") + "y",
        "<!DOCTYPE div>" + DIV.format("x"),
        DIV.format("<?php x ?>x"),
        DIV.format("\ud800"),
    ],
)
def test_what_is_no_narrative(text: str) -> None:
    assert narrative_problem(text) is not None

"""A body leaves under the server's ids, and in nothing else otherwise than it was staged."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.resources.body import parsed, serialise
from fhir_msc.resources.retirement import retired
from fhir_msc.sync.addresses import Addressing, addressed, unmet
from fhir_msc.target.routes import Route, RouteKind

SYSTEM = "https://trial.test/sync"
OWN, PERSON, VISIT, STUDY = (f"{letter}{number:040x}" for number, letter in enumerate("opes", 1))
NUMBERS = ("1.50", "1e2", "1E-7", "0.0000001", "-0.0", "12345678901234567890.10", "12345678901234567890", "-0", "7")


def addressing(kind: RouteKind = RouteKind.CONDITIONAL_UPDATE, *lacking: str, by: str = "identifier") -> Addressing:
    routes = {type: Route(type, kind, "", by) for type in ("Observation", "Patient", "Encounter", "ResearchStudy")}  # type: ignore[arg-type]
    return Addressing(SYSTEM, routes | {type: Route(type, RouteKind.READ_ONLY, "") for type in lacking})


def observation(number: str) -> bytes:
    return (
        f'{{"resourceType":"Observation","id":"{OWN}","extension":[{{"url":"http://hl7.org/fhir/StructureDefinition/'
        f'workflow-researchStudy","valueReference":{{"reference":"ResearchStudy/{STUDY}"}}}}],"identifier":[{{"value":'
        f'"{OWN}"}}],"subject":{{"reference":"Patient/{PERSON}"}},"encounter":{{"reference":"Encounter/{VISIT}"}},'
        f'"valueQuantity":{{"value":{number},"unit":"g/L"}}}}'
    ).encode()


@given(st.sampled_from(NUMBERS) | st.decimals(allow_nan=False, allow_infinity=False).map(str).filter(
    lambda text: text[-1].isdigit() and "E+" not in text
))  # fmt: skip
def test_numbers_leave_as_they_were_written(number: str) -> None:
    known = {PERSON: "17", VISIT: "18", STUDY: "19"}
    sent = addressed(observation(number), addressing(), "Observation", "4", known)
    assert f'"value":{number},'.encode() in sent
    assert serialise(parsed(observation(number))) == observation(number)
    gone = retired(parsed(observation(number)))
    assert gone is not None
    assert f'"value":{number},'.encode() in serialise(gone)


def test_only_the_ids_are_others() -> None:
    content = observation("1.50")
    sent = addressed(content, addressing(), "Observation", "4", {PERSON: "17", VISIT: "18", STUDY: "19"})
    expected = content.decode().replace(f'"id":"{OWN}"', '"id":"4"')
    for rid, id in ((PERSON, "17"), (VISIT, "18"), (STUDY, "19")):
        expected = expected.replace(f"/{rid}", f"/{id}")
    assert sent.decode() == expected
    assert json.loads(sent)["identifier"] == [{"value": OWN}]
    assert unmet(addressing(), sent) == []


def test_what_is_not_there_yet_is_named() -> None:
    sent = addressed(observation("1.50"), addressing(), "Observation", None, {PERSON: "17", STUDY: "19"})
    assert "id" not in json.loads(sent)
    assert unmet(addressing(), sent) == [VISIT]


def test_what_the_target_lacks_is_left_out_where_the_rest_says_enough() -> None:
    here = addressing(RouteKind.SEARCH_THEN_CREATE, "Encounter", "ResearchStudy")
    sent = json.loads(addressed(observation("1.50"), here, "Observation", None, {PERSON: "17"}))
    assert set(sent) == {"resourceType", "identifier", "subject", "valueQuantity"}
    without = addressing(RouteKind.SEARCH_THEN_CREATE, "Patient")
    kept = addressed(observation("1.50"), without, "Observation", None, {VISIT: "18", STUDY: "19"})
    assert unmet(without, kept) == [PERSON]


def test_a_type_that_is_found_by_tag_carries_it() -> None:
    sent = json.loads(addressed(observation("1.50"), addressing(by="_tag"), "Observation", None, {}))
    assert sent["meta"]["tag"] == [{"system": SYSTEM, "code": OWN}]

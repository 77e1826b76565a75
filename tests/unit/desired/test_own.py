"""An integrator's own builders: one resource more per released record, in step with the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from fhir_msc.desired.assembly import assemble
from fhir_msc.desired.model import Desired
from fhir_msc.errors import ConfigError
from fhir_msc.resources import RANKS
from fhir_msc.resources.own import own_builders
from tests.support.distributions import Installer
from tests.unit.desired.trial_source import COLUMNS, POLICY, Rows, consent, dm, lb, sdtm, step
from tests.unit.mapping.memory import Memory

CODE = """
from decimal import Decimal
from fhir_msc import AdverseEvent, Disposition, Infusion, Observation, OwnBuilder, Participant
from fhir_msc import codeable_concept, reference

SEEN = []

def flag(record, links, context):
    return {
        "resourceType": "Flag", "id": links.rid, "identifier": [context.sync_identifier(links.rid)],
        "status": "active", "code": {"text": record.term}, "subject": reference("Patient", links.subject),
    }

def result(record, links, context):
    SEEN.append(record)
    if record.value is None or isinstance(record.value, str):
        return None
    body = {
        "resourceType": "Basic", "id": links.rid, "identifier": [context.sync_identifier(links.rid)],
        "code": codeable_concept(record.description.code, context), "subject": reference("Patient", links.subject),
        "extension": [{"url": context.extension("value"), "valueDecimal": Decimal(record.value.value)}],
    }
    body.update(SPOILT)
    return {name: value for name, value in body.items() if value is not None}

def dose(record, links, context):
    SEEN.append(record)

SPOILT = {}
flags = OwnBuilder(AdverseEvent, flag)
results = OwnBuilder(Observation, result)
crash = OwnBuilder(Observation, lambda record, links, context: 1 / 0)
text = OwnBuilder(Observation, lambda record, links, context: "a resource")
doses = OwnBuilder(Infusion, dose)
people = OwnBuilder(Participant, dose)
steps = OwnBuilder(Disposition, dose)
events = OwnBuilder(AdverseEvent, dose)
of_nothing = OwnBuilder(str, flag)
"""
POINTS = {
    "Flag": "mine:flags",
    "Basic": "mine:results",
    "Media": "mine:crash",
    "Coverage": "mine:text",
    "Task": "mine:doses",
    "Person": "mine:people",
    "Contract": "mine:steps",
    "Goal": "mine:events",
    "Nonsense": "mine:results",
    "Account": "mine:of_nothing",
    "Endpoint": "mine:flag",
    "List": "mine:gone",
}
ONE: dict[str, Rows] = {"DM": dm("S"), "DS": consent("S")}


@pytest.fixture
def mine(installer: Installer) -> Installer:
    installer.install("mine", CODE, builders=POINTS)
    return installer


def bodies(tables: Mapping[str, Rows], *types: str, blind: bool = True) -> dict[str, list[Desired]]:
    """The bodies by type, each as it is last given."""
    found: dict[str, Desired] = {}
    policy = replace(POLICY, blind=blind)
    for table in assemble(Memory(tables, COLUMNS), sdtm(), policy, b"secret", own_builders(types)).tables():
        for batch in table.stream():
            found.update((one.rid, one) for one in batch)
        account = table.account
        assert sum(account.outcomes.values()) == account.rows
    by_type: dict[str, list[Desired]] = {}
    for one in found.values():
        by_type.setdefault(one.type, []).append(one)
    return by_type


LOOP: list[object] = []
LOOP.append(LOOP)


def test_there_is_one_more_of_each_released_record(mine: Installer) -> None:
    tables = {**ONE, "LB": [lb(result="1.50"), lb(result="40", day="2020-02-02"), lb(result="2", day="2019-01-01")]}
    found = bodies(tables, "Basic")
    assert len(found["Basic"]) == len(found["Observation"]) == 2, (
        "what was collected before the consent is not released"
    )
    first = min(found["Basic"], key=lambda one: b"1.50" not in one.body)
    assert b'"valueDecimal":1.50' in first.body
    (patient,) = found["Patient"]
    assert (first.rank, first.lane, first.refs) == (len(RANKS), patient.rid, (patient.rid,))
    assert json.loads(first.body)["id"] == first.rid
    assert "Basic" not in bodies(tables), "installed, and not asked for"


def test_it_is_given_nothing_that_is_later_than_the_consent(mine: Installer) -> None:
    import mine as code  # type: ignore[import-not-found]

    later = "2020-09-17"
    steps = [step("S", "WITHDRAWAL OF CONSENT", "2020-06-01"), step("S", "RANDOMIZED", "2020-02-01")]
    event = {"USUBJID": "S", "AETERM": "FEVER", "AESTDTC": "2020-02-01", "AEENDTC": later, "AEOUT": "FATAL"}
    tables = {"DM": dm("S", DTHDTC=later), "DS": [*ONE["DS"], *steps, step("S", "DEATH", later)], "AE": [event]}
    bodies(tables, "Person", "Contract", "Goal")
    assert {type(one).__name__ for one in code.SEEN} == {"Participant", "Disposition", "AdverseEvent"}
    assert sorted(one.kind for one in code.SEEN if hasattr(one, "kind")) == ["consent-withdrawn", "randomised"]
    said = [replace(one, origins=()) for one in code.SEEN]
    assert not [word for word in (later, "fatal", "died=True") if word in repr(said)]


def test_all_else_is_as_without_it(mine: Installer) -> None:
    tables = {**ONE, "LB": [lb()]}
    with_it, without = bodies(tables, "Basic", "Flag"), bodies(tables)
    del with_it["Basic"]
    assert with_it == without


def test_rows_that_share_a_key_are_told_apart(mine: Installer) -> None:
    found = bodies({**ONE, "LB": [lb(result="40"), lb(result="41"), lb(result="41")]}, "Basic")
    assert len({one.rid for one in found["Basic"]}) == len(found["Observation"]) == 2
    assert all(json.loads(one.body)["id"] == one.rid for one in found["Basic"])


def test_what_is_wrong_is_kept_back(mine: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    import mine as code  # type: ignore[import-not-found]

    monkeypatch.setattr(code, "SPOILT", {"code": None})
    found = bodies({**ONE, "LB": [lb()]}, "Basic")
    assert "Basic" not in found
    assert len(found["Observation"]) == 1


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"resourceType": "Flag"}, "gave a resource of another type than its name says"),
        ({"id": "mine"}, "gave a resource with an id of its own"),
        ({"identifier": None}, "gave a resource that cannot be found again"),
        ({"subject": {"reference": "Patient/p0"}}, "refers to a resource that is not there"),
        ({"extension": [{"url": "https://a.example", "valueDecimal": 1.5}]}, "gave a binary float"),
        ({"extension": LOOP}, "gave a body that is nested without end"),
    ],
)
def test_what_cannot_be_kept_in_step_stops_the_run(
    mine: Installer, monkeypatch: pytest.MonkeyPatch, spoilt: dict[str, object], why: str
) -> None:
    import mine as code

    monkeypatch.setattr(code, "SPOILT", spoilt)
    with pytest.raises(ConfigError, match=f"entry point Basic = mine:results in fhir_msc.builders of mine {why}"):
        bodies({**ONE, "LB": [lb()]}, "Basic")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Media", "failed on a record with ZeroDivisionError"),
        ("Coverage", "gave no resource"),
        ("Nonsense", "is named Nonsense, which is no resource type of R4"),
        ("Account", "is for no class of records"),
        ("Endpoint", "is no OwnBuilder"),
        ("List", "does not load: AttributeError"),
    ],
)
def test_what_is_wrong_with_it_is_told_by_its_entry_point(mine: Installer, name: str, why: str) -> None:
    with pytest.raises(ConfigError) as raised:
        bodies({**ONE, "LB": [lb(result="4242")]}, name)
    assert f"entry point {name} = {POINTS[name]} in fhir_msc.builders of mine {why}" in str(raised.value)
    assert "4242" not in str(raised.value)


def test_a_type_that_nobody_makes(mine: Installer) -> None:
    with pytest.raises(ConfigError, match=r"no own builder makes Flags\n.*installed are: Account, Basic"):
        own_builders(["Flags"])


@pytest.mark.parametrize("type", RANKS)
def test_no_type_that_is_built_in(installer: Installer, type: str) -> None:
    installer.install("mine", CODE, builders={type: "mine:results", "Flag": "mine:flags"})
    with pytest.raises(ConfigError, match=f"entry point {type} = mine:results .* has the name of what is built in"):
        own_builders(["Flag"])


def test_in_a_blind_project_it_is_given_nothing_sealed(mine: Installer) -> None:
    ec = [{"USUBJID": "S", "ECTRT": "CELLS", "ECDOSE": "90", "ECDOSU": "mL", "ECSTDTC": "2020-02-01T10:00:00Z"}]
    import mine as code

    seen = []
    for blind in (True, False):
        code.SEEN.clear()
        bodies({**ONE, "EC": ec}, "Task", "Person", blind=blind)
        seen.append(repr(code.SEEN))
    assert "secret" not in seen[0]
    assert "secret" in seen[1], "the arm: it is there to be seen"
    assert ("90" in seen[0], "90" in seen[1]) == (False, True)


def test_what_is_sealed_changes_none_of_its_bytes(mine: Installer) -> None:
    told = [bodies({**ONE, "DM": dm("S", ARM=arm), "LB": [lb()]}, "Basic") for arm in ("HIGH", "PLACEBO")]
    assert told[0] == told[1]


def test_another_version_maps_the_tables_again(mine: Installer) -> None:
    def fingerprints() -> list[bytes]:
        source = Memory({**ONE, "LB": [lb()]}, COLUMNS)
        return [
            one.fingerprint() for one in assemble(source, sdtm(), POLICY, b"secret", own_builders(["Flag"])).tables()
        ]

    before = fingerprints()
    assert before == fingerprints()
    mine.install("mine", CODE, version="1.1", builders=POINTS)
    assert all(one != other for one, other in zip(before, fingerprints(), strict=True))

"""Records to try a builder on: of each class one with nothing but what must be there, and one with everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fhir_msc.findings import Origin
from fhir_msc.trial import (
    AdverseEvent,
    CellProduct,
    Coding,
    Component,
    Concept,
    Condition,
    Consent,
    Disposition,
    Infusion,
    Medication,
    Observation,
    ObservationDescription,
    Participant,
    Quantity,
    Record,
    ReferenceRange,
    Unit,
    Visit,
)

_WHO = "CONFORMANCE-01-001"
_MADE = Concept((Coding("conformance", "C1", "Made up"),), "made up")
_OTHER = Concept((Coding("conformance", "C2", "Other"),), "other")
_DOSE = Quantity("100.0", Unit("10*6/kg", "10*6/kg"))

_NO_DOSE = Quantity("0", Unit("10*6/kg", "10*6/kg"))


def _of(kind: str) -> tuple[tuple[str, ...], str, tuple[Origin, ...]]:
    """Key, participant and origins."""
    return (kind, "T", _WHO, "1"), _WHO, (Origin("t.csv", "T", 3, ("a", "b")),)


def samples(kind: type[object]) -> list[Record]:
    """The samples of a class."""
    return [record for record in _records() if type(record) is kind]


def _records() -> Iterator[Record]:
    yield Participant(*_of("Participant"))
    yield Participant(
        *_of("Participant"),
        label="001",
        site="01",
        sex="female",
        birth_date="1951-03",
        death_date="2021-05-06",
        died=True,
        country="USA",
    )
    yield Consent(*_of("Consent"), date="2021-01-05")
    yield Consent(*_of("Consent"), date="2021-03-05", decision="withdrawn")
    yield Disposition(*_of("Disposition"), kind="completed")
    yield Disposition(*_of("Disposition"), kind="died", date="2021-05-06", scope="study", term="DEATH")
    yield Visit(*_of("Visit"), number=None)
    yield Visit(*_of("Visit"), "2.1", "WEEK 4", "2021-02-03T08:30:00Z", "2021-02-03T09:30:00Z", "finished", "made up")
    yield Infusion(*_of("Infusion"), start=None)
    yield Infusion(
        *_of("Infusion"), "2021-02-03T10:00:00Z", "stopped", reason=_MADE, route=_MADE, form=_MADE, visit="2.1"
    )
    yield CellProduct(*_of("CellProduct"))
    yield CellProduct(*_of("CellProduct"), "LOT-1", "KIT-1", "DONOR-1", _MADE, _DOSE, Quantity("91.50", Unit("%", "%")))
    yield Observation(*_of("Observation"), ObservationDescription(None, _MADE), value="made up")
    yield Observation(
        *_of("Observation"),
        ObservationDescription(
            category="laboratory",
            code=_MADE,
            interpretation=_MADE,
            status="amended",
            method=_MADE,
            position=_MADE,
            body_site=_MADE,
            specimen="SERUM",
            source_category=_MADE,
            performers=("INVESTIGATOR",),
            report="CHEMISTRY",
        ),
        effective="2021-02-03T08:30:00Z",
        value=Quantity("1.50", Unit("mg/dL", "mg/dL"), "<"),
        components=(Component(_MADE, _MADE), Component(_MADE, absent=_MADE)),
        reference_range=ReferenceRange("0.50", "3.0", "made up"),
        visit="2.1",
        note="made up",
    )
    yield AdverseEvent(*_of("AdverseEvent"), term="made up")
    yield AdverseEvent(
        *_of("AdverseEvent"),
        term="made up",
        start="2021-02-03",
        end="2021-02",
        severity="moderate",
        grade=_MADE,
        serious=True,
        criteria=(_MADE,),
        outcome="resolved",
        relatedness="POSSIBLE",
        action="NONE",
    )
    yield Condition(*_of("Condition"), term="made up")
    yield Condition(
        *_of("Condition"), "made up", _MADE, "2001", "2011", "2002", "2021-01-05", "resolved", None, _MADE, _MADE, _MADE
    )
    yield Medication(*_of("Medication"), term="made up")
    yield Medication(
        *_of("Medication"),
        term="made up",
        code=_MADE,
        form=_MADE,
        category=_MADE,
        start="2020-12",
        end="2021-01-05",
        recorded="2021-01-05",
        status="completed",
        status_reason=_MADE,
        reason="made up",
        dose=_DOSE,
        dose_text="made up",
        frequency=_MADE,
        as_needed=True,
        route=_MADE,
        body_site=_MADE,
        note="made up",
    )


def telling(record: Record) -> list[Record]:
    """The record with all sealed fields as one arm has them, and as another; none for what has no such field."""
    if isinstance(record, Participant):
        return [replace(record, arm=arm, actual_arm=arm) for arm in ("HIGH", "PLACEBO")]
    if isinstance(record, Infusion):
        end, volume = "2021-02-03T10:20:00Z", Quantity("90", Unit("mL", "mL"))
        longer, more = "2021-02-03T10:45:00Z", Quantity("100.0", Unit("mL", "mL"))
        cells = replace(record, end=end, product=_MADE, dose=_DOSE, volume=volume)
        others = replace(cells, end=longer, product=_OTHER, dose=_NO_DOSE, volume=more)
        return [
            replace(cells, dose_text="1-2", lot="LOT-1", kit="KIT-1", device="D-1"),
            replace(others, dose_text="3-4", lot="LOT-2", kit="KIT-2", device="D-2"),
        ]
    if isinstance(record, Observation):
        return [replace(record, device=device) for device in ("D-1", "D-2")]
    return []

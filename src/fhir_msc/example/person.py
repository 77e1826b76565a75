"""What of a participant does not change from visit to visit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from fhir_msc.example.design import Event
from fhir_msc.example.disease import Disease, activity
from fhir_msc.example.draw import Stream, clip
from fhir_msc.example.instruments import ANALYTES


@dataclass(frozen=True, slots=True)
class Person:
    """The usual values of a participant: ``offsets`` are laboratory deviations from the mean, in deviations.

    ``weight`` is in kg, ``height`` in cm, ``systolic`` in mm[Hg], ``pulse`` per minute. ``anaemic`` is somebody who
    fails the screening for a haemoglobin below 8 g/dL.
    """

    female: bool
    birth_year: int
    height: int
    weight: float
    pulse: int
    systolic: int
    offsets: Mapping[str, float]
    titre: str
    anaemic: bool


def draw_person(stream: Stream, screening: date, *, anaemic: bool) -> Person:
    """Draws a person from 18 to 65 years old at the screening."""
    female = stream.chance(0.9)
    return Person(
        female=female,
        birth_year=screening.year - stream.integer(19, 64),
        height=round(stream.near(163 if female else 176, 6.5)),
        weight=clip(stream.near(74 if female else 84, 13), 46, 140),
        pulse=round(stream.near(76, 7)),
        systolic=round(stream.near(122, 9)),
        offsets={test.name: stream.near(0, 0.7) for test in ANALYTES},
        titre=stream.pick(("1:80", "1:160", "1:320", "1:640", "1:1280")),
        anaemic=anaemic,
    )


@dataclass(frozen=True, slots=True)
class Occasion:
    """One visit of one participant: what its forms are filled from. ``week`` counts from the infusion."""

    person: Person
    disease: Disease
    event: Event
    day: date
    sample_day: date
    week: float
    flare: str

    @property
    def level(self) -> float:
        """The activity of the disease at this visit."""
        return activity(self.disease, self.week, self.flare)

    @property
    def burden(self) -> float:
        """The activity, weighed by how severe the disease of this participant is."""
        return self.level * self.disease.severity

"""The study itself: design, arms, sites, people, planned visits, eligibility, outcome measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arm:
    """A group of the protocol. The list of arms is no secret; who is in which is."""

    code: str
    name: str
    description: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A place where the trial is conducted. ``zone`` is an IANA time zone for its wall-clock times."""

    identifier: str
    name: str | None = None
    city: str | None = None
    country: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Investigator:
    """A person responsible for the trial or a site."""

    name: str
    role: str
    site: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """A visit of the schedule: days from the first infusion, with the window before and after, in days."""

    number: str
    name: str
    day: int | None = None
    window_before: int | None = None
    window_after: int | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One eligibility criterion, in the protocol's words."""

    identifier: str
    text: str
    inclusion: bool


@dataclass(frozen=True, slots=True)
class OutcomeMeasure:
    """What the trial measures its success by."""

    title: str
    kind: str
    time_frame: str | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A trial. ``masking`` is ``none``, ``single``, ``double``, ``triple`` or ``quadruple`` (ClinicalTrials.gov);
    ``phase`` and ``status`` are the codes of R4 ResearchStudy."""

    identifier: str
    title: str
    status: str = "active"
    phase: str | None = None
    masking: str = "double"
    purpose: str | None = None
    description: str | None = None
    condition: str | None = None
    registry: str | None = None
    """The registry number (NCT…)."""
    sponsor: str | None = None
    start: str | None = None
    end: str | None = None
    arms: tuple[Arm, ...] = ()
    sites: tuple[Site, ...] = ()
    investigators: tuple[Investigator, ...] = ()
    planned_visits: tuple[PlannedVisit, ...] = ()
    eligibility: tuple[Criterion, ...] = ()
    outcome_measures: tuple[OutcomeMeasure, ...] = ()
    contact: str | None = None
    """The 24 h telephone for emergency unblinding."""
    product: str | None = None
    """What the infusion is called while blind."""

    @property
    def is_masked(self) -> bool:
        """Whether anybody in the trial is blind."""
        return self.masking != "none"

    def site(self, identifier: str) -> Site | None:
        """The site of that identifier."""
        return next((site for site in self.sites if site.identifier == identifier), None)

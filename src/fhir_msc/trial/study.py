"""The study itself: design, arms, sites, people, planned visits, eligibility, outcome measures.

All of it is the protocol's, or the registry's: it is the same whoever is in which arm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fhir_msc.trial.values import Coding, Concept, Quantity, Unit

PRINCIPAL_INVESTIGATOR = "principal-investigator"

MASKINGS = frozenset(("none", "single", "double", "triple", "quadruple"))
"""Of ClinicalTrials.gov."""
PHASES = frozenset(
    ("n-a", "early-phase-1", "phase-1-phase-2", "phase-2-phase-3", "phase-1", "phase-2", "phase-3", "phase-4")
)
"""R4 research-study-phase."""
DEVICE_FACTS = frozenset(("kind", "name", "manufacturer", "model", "serial", "lot"))
"""What can be said of a Device."""
PURPOSES = frozenset(
    (
        "treatment",
        "prevention",
        "diagnostic",
        "supportive-care",
        "screening",
        "health-services-research",
        "basic-science",
        "device-feasibility",
    )
)
"""R4 research-study-prim-purp-type."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A group of the protocol. The list of arms is no secret; who is in which is."""

    code: str
    name: str
    description: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class ArmStep:
    """A step of an arm through the protocol (SDTM TA): which element, in which place, of which epoch.

    ``branch`` says who goes on from here into which arm, ``transition`` whether an element is passed over.
    """

    arm: str
    arm_name: str | None
    order: str
    element: str
    name: str | None = None
    epoch: str | None = None
    branch: str | None = None
    transition: str | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """A building block of the protocol (SDTM TE): a period with the rules by which it starts and ends, in words."""

    code: str
    name: str | None = None
    start: str | None = None
    end: str | None = None
    duration: str | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A place where the trial is conducted. ``zone`` is an IANA time zone for its wall-clock times.

    ``latitude`` and ``longitude`` are in degrees (WGS 84), as written.
    """

    identifier: str
    name: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    latitude: str | None = None
    longitude: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Investigator:
    """A person responsible for the trial, or for it at a site.

    ``role`` is ``principal-investigator``, ``sub-investigator``, ``study-director``, ``study-chair`` or other words.
    """

    name: str
    role: str = PRINCIPAL_INVESTIGATOR
    affiliation: str | None = None
    site: str | None = None

    @property
    def is_principal(self) -> bool:
        """Whether the person is a principal investigator of the whole trial."""
        return self.role == PRINCIPAL_INVESTIGATOR and self.site is None


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """A visit of the schedule.

    ``day`` is days from the first infusion (day 0), the windows are days before and after it. ``start`` and ``end``
    are the protocol's rules, in words. ``arm`` is the code of the only arm that has the visit; ``None``: all have it.
    """

    number: str
    name: str | None = None
    day: int | None = None
    window_before: int | None = None
    window_after: int | None = None
    start: str | None = None
    end: str | None = None
    arm: str | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One eligibility criterion, in the words of one version of the protocol. ``system`` is the code system of its
    identifier."""

    text: str
    inclusion: bool
    identifier: str | None = None
    version: str | None = None
    system: str = "eligibility-criterion"


@dataclass(frozen=True, slots=True)
class OutcomeMeasure:
    """What the trial measures its success by, or what it is for (``is_objective``).

    ``kind`` is ``primary``, ``secondary`` or ``exploratory``.
    """

    title: str
    kind: str
    time_frame: str | None = None
    description: str | None = None
    is_objective: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the trial, such as an injector, as the sponsor knows it: one unit, or one model."""

    identifier: str
    """The sponsor's own (SDTM SPDEVID)."""
    kind: str | None = None
    name: str | None = None
    """The name in trade."""
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    lot: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceFact:
    """One thing that a table says of a device (SDTM DI): ``name`` is an attribute of Device."""

    device: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class StudyState:
    """A status that the study had: a code of R4 research-study-status, and the days from and until which it was so."""

    status: str
    start: str
    end: str | None = None


@dataclass(frozen=True, slots=True)
class StudyFact:
    """One thing that a table says of the study (SDTM TS): ``name`` is an attribute of Study that holds one value, or
    ``condition``, ``feature``, ``objective-primary``, ``outcome-primary`` and so on (``trial.design``). ``value`` is in
    the form of that attribute; ``code`` is a standard code, where one is known."""

    name: str
    value: str
    code: Coding | None = None
    text: str | None = None
    """What the fact is about, in the source's words (TSPARM)."""


StudyPart = Arm | ArmStep | Element | PlannedVisit | Criterion | StudyFact | DeviceFact
"""What a row of a table of study design can say."""


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
    official_title: str | None = None
    acronym: str | None = None
    description: str | None = None
    conditions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    interventions: tuple[str, ...] = ()
    """What is tried, by name; the protocol's list, which tells nobody's arm."""
    features: tuple[Concept, ...] = ()
    """What else the design is: allocation, intervention model, control."""
    countries: tuple[str, ...] = ()
    registry: str | None = None
    """The registry number (NCT…)."""
    sponsor: str | None = None
    collaborators: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    status_history: tuple[StudyState, ...] = ()
    """The states before the present one, and the present one where its first day is known, in their order."""
    planned_enrolment: int | None = None
    actual_enrolment: int | None = None
    arms: tuple[Arm, ...] = ()
    arm_steps: tuple[ArmStep, ...] = ()
    elements: tuple[Element, ...] = ()
    sites: tuple[Site, ...] = ()
    investigators: tuple[Investigator, ...] = ()
    planned_visits: tuple[PlannedVisit, ...] = ()
    minimum_age: Quantity | None = None
    maximum_age: Quantity | None = None
    sex: str | None = None
    """Who may take part: R4 administrative gender; ``None``: all."""
    healthy_volunteers: bool | None = None
    eligibility: tuple[Criterion, ...] = ()
    eligibility_text: str | None = None
    """The criteria as a registry prints them, in Markdown, untouched."""
    outcome_measures: tuple[OutcomeMeasure, ...] = ()
    devices: tuple[Device, ...] = ()
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


_AGE = re.compile(r"(\d+) (year|month|week|day|hour|minute)s?", re.ASCII | re.IGNORECASE)
_DURATION = re.compile(r"P(?:(\d+)Y|(\d+)M|(\d+)W|(\d+)D)", re.ASCII)
_UNITS = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min"}


def age_limit(text: str) -> Quantity:
    """An age limit as the registry writes it (``18 Years``) or as SDTM does (``P18Y``); ValueError otherwise."""
    match = _AGE.fullmatch(text.strip())
    if match is not None:
        number, unit = match[1], match[2].lower()
    else:
        duration = _DURATION.fullmatch(text.strip())
        if duration is None:
            raise ValueError("must be an age such as 18 years")
        number, unit = next(
            (found, unit) for found, unit in zip(duration.groups(), _UNITS, strict=False) if found is not None
        )
    return Quantity(str(int(number)), Unit(f"{unit}s", _UNITS[unit]))

"""The trial's sites and schedule.

Cities and week numbers are the registry's and the sites' own (NCT02633163). How many participants a site has, the
visit windows and which form is filled at which visit are synthetic.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """A site: its number in the export, its REDCap data access group, its city, its share of the participants."""

    number: str
    group: str
    city: str
    share: int


SITES = (
    Site("01", "charleston", "Charleston, South Carolina", 17),
    Site("02", "los_angeles", "Los Angeles, California", 10),
    Site("03", "san_diego", "San Diego, California", 8),
    Site("04", "atlanta", "Atlanta, Georgia", 9),
    Site("05", "chicago", "Chicago, Illinois", 8),
    Site("06", "manhasset", "Manhasset, New York", 7),
    Site("07", "rochester", "Rochester, New York", 7),
    Site("08", "chapel_hill", "Chapel Hill, North Carolina", 9),
    Site("09", "oklahoma_city", "Oklahoma City, Oklahoma", 6),
)


@dataclass(frozen=True, slots=True)
class Event:
    """A REDCap event: ``day`` from the infusion, the window around it in days, and the forms designated to it."""

    name: str
    day: int | None
    window: int
    forms: tuple[str, ...]

    @property
    def unique(self) -> str:
        """REDCap's unique event name. Its only arm, ``arm_1``, has nothing to do with treatment."""
        return f"{self.name.lower().replace(' ', '_')}_arm_1"

    @property
    def week(self) -> float:
        """Weeks since the infusion; 0 before it."""
        return max(self.day or 0, 0) / 7


_EXAMINATION = ("visit", "vitals", "laboratory", "sledai")
_REPORTED = ("fatigue", "pain", "depression", "quality_of_life")

SCREENING = Event("Screening", -14, 14, ("demographics", "consent", "eligibility", *_EXAMINATION, "bilag", "pga"))
BASELINE = Event("Baseline", 0, 0, ("randomisation", "infusion", *_EXAMINATION, "bilag", "pga", *_REPORTED))
FOLLOW_UP = (
    Event("Week 1", 7, 2, (*_EXAMINATION, "pga", "flare")),
    Event("Week 2", 14, 2, (*_EXAMINATION, "pga", "flare")),
    Event("Week 4", 28, 3, (*_EXAMINATION, "bilag", "pga", "flare")),
    Event("Week 8", 56, 5, (*_EXAMINATION, "bilag", "pga", "flare")),
    Event("Week 12", 84, 5, (*_EXAMINATION, "bilag", "pga", "flare", *_REPORTED)),
    Event("Week 16", 112, 5, (*_EXAMINATION, "bilag", "pga", "flare")),
    Event("Week 20", 140, 5, (*_EXAMINATION, "bilag", "pga", "flare")),
    Event("Week 24", 168, 5, (*_EXAMINATION, "bilag", "pga", "flare", *_REPORTED)),
    Event("Week 36", 252, 7, (*_EXAMINATION, "bilag", "pga", "flare")),
    Event("Week 52", 364, 14, (*_EXAMINATION, "bilag", "pga", "flare", *_REPORTED)),
)
UNSCHEDULED = Event("Unscheduled", None, 0, ("visit", "vitals", "laboratory", "pga", "flare"))
"""A repeating event: one instance per unplanned visit."""
ONGOING = Event("Ongoing", None, 0, ("adverse_events", "disposition"))
"""What belongs to no visit; the adverse events are a repeating instrument in it."""

EVENTS = (SCREENING, BASELINE, *FOLLOW_UP, UNSCHEDULED, ONGOING)

"""[study] and [sites] of the project's TOML: what the project says of the trial itself.

What tables of study design say too (SDTM TS, TA, TV, TI, TE) is added to it; where both speak, the config counts.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from fhir_msc.trial import (
    PRINCIPAL_INVESTIGATOR,
    Arm,
    Concept,
    Criterion,
    Investigator,
    OutcomeMeasure,
    PlannedVisit,
    Quantity,
    Site,
    Study,
    StudyState,
    age_limit,
)


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of zones, as America
        raise ValueError("is no IANA time zone such as America/New_York") from error
    return name


def _is_age(text: str) -> str:
    age_limit(text)
    return text


def _as_list(value: Any) -> Any:  # what a user wrote, before it is checked
    return [value] if isinstance(value, str) else value


Zone = Annotated[str, AfterValidator(_is_zone)]
Age = Annotated[str, AfterValidator(_is_age)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
"""One text, or a list of texts."""
Status = Literal[
    "active",
    "administratively-completed",
    "approved",
    "closed-to-accrual",
    "closed-to-accrual-and-intervention",
    "completed",
    "disapproved",
    "in-review",
    "temporarily-closed-to-accrual",
    "temporarily-closed-to-accrual-and-intervention",
    "withdrawn",
]
_DAY = r"^\d{4}(-\d{2}(-\d{2})?)?$"


MOST = 2**31 - 1
"""The largest integer of FHIR (http://hl7.org/fhir/R4/datatypes.html#integer)."""


class Section(BaseModel):
    """A table of the TOML; words that it does not know are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ArmSection(Section):
    """[[study.arms]]"""

    code: str
    name: str
    description: str | None = None
    kind: str | None = None


class InvestigatorSection(Section):
    """[[study.investigators]]: the first principal investigator without a site is the trial's."""

    name: str
    role: str = PRINCIPAL_INVESTIGATOR
    affiliation: str | None = None
    site: str | None = None


class VisitSection(Section):
    """[[study.visits]]: ``day`` counts from the first infusion, the windows are days before and after it."""

    number: str
    name: str | None = None
    day: int | None = Field(default=None, ge=-MOST, le=MOST)
    window_before: int | None = Field(default=None, ge=0, le=MOST)
    window_after: int | None = Field(default=None, ge=0, le=MOST)
    start: str | None = None
    end: str | None = None
    arm: str | None = None


class CriterionSection(Section):
    """[[study.eligibility]]"""

    text: str
    kind: Literal["inclusion", "exclusion"]
    identifier: str | None = None
    version: str | None = None


class OutcomeSection(Section):
    """[[study.outcomes]]: outcome measures; with ``objective = true`` what the trial is for."""

    title: str
    kind: Literal["primary", "secondary", "exploratory"] = "primary"
    time_frame: str | None = None
    description: str | None = None
    objective: bool = False


class StateSection(Section):
    """[[study.status_history]]: a status that the study had, from its first day until its last."""

    status: Status
    start: str = Field(pattern=_DAY)
    end: str | None = Field(default=None, pattern=_DAY)


class StudySection(Section):
    """[study]"""

    identifier: str
    title: str
    status: Status = "active"
    phase: (
        Literal[
            "n-a", "early-phase-1", "phase-1", "phase-1-phase-2", "phase-2", "phase-2-phase-3", "phase-3", "phase-4"
        ]
        | None
    ) = None
    masking: Literal["none", "single", "double", "triple", "quadruple"] = "double"
    purpose: str | None = None
    official_title: str | None = None
    acronym: str | None = None
    description: str | None = None
    condition: Texts = ()
    keywords: Texts = ()
    interventions: Texts = ()
    features: Texts = ()
    countries: Texts = ()
    registry: str | None = None
    sponsor: str | None = None
    collaborators: Texts = ()
    start: str | None = None
    end: str | None = None
    planned_enrolment: int | None = Field(default=None, ge=0, le=MOST)
    actual_enrolment: int | None = Field(default=None, ge=0, le=MOST)
    minimum_age: Age | None = None
    maximum_age: Age | None = None
    sex: Literal["male", "female"] | None = None
    healthy_volunteers: bool | None = None
    eligibility_text: str | None = None
    product: str | None = None
    contact: str | None = None
    arms: tuple[ArmSection, ...] = ()
    investigators: tuple[InvestigatorSection, ...] = ()
    visits: tuple[VisitSection, ...] = ()
    eligibility: tuple[CriterionSection, ...] = ()
    outcomes: tuple[OutcomeSection, ...] = ()
    status_history: tuple[StateSection, ...] = ()

    def study(self, sites: dict[str, SiteSection]) -> Study:
        """The study that the config describes."""
        lists = {
            "arms",
            "investigators",
            "visits",
            "eligibility",
            "outcomes",
            "condition",
            "features",
            "status_history",
        }
        plain = self.model_dump(exclude=lists | {"minimum_age", "maximum_age"})
        return Study(
            **plain,
            conditions=self.condition,
            features=tuple(Concept(text=text) for text in self.features),
            minimum_age=age_limit(self.minimum_age) if self.minimum_age else None,
            maximum_age=age_limit(self.maximum_age) if self.maximum_age else None,
            arms=tuple(Arm(**one.model_dump()) for one in self.arms),
            investigators=tuple(Investigator(**one.model_dump()) for one in self.investigators),
            planned_visits=tuple(PlannedVisit(**one.model_dump()) for one in self.visits),
            eligibility=tuple(
                Criterion(one.text, one.kind == "inclusion", one.identifier, one.version) for one in self.eligibility
            ),
            outcome_measures=tuple(
                OutcomeMeasure(one.title, one.kind, one.time_frame, one.description, one.objective)
                for one in self.outcomes
            ),
            status_history=tuple(StudyState(**one.model_dump()) for one in self.status_history),
            sites=tuple(Site(identifier, **site.model_dump()) for identifier, site in sorted(sites.items())),
        )


class SiteSection(Section):
    """[sites.ID]"""

    name: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    latitude: str | None = Field(default=None, pattern=r"^-?\d+(\.\d+)?$")
    longitude: str | None = Field(default=None, pattern=r"^-?\d+(\.\d+)?$")
    zone: Zone | None = None


def words_of(study: Study) -> dict[str, object]:
    """The config that describes a study: its ``study`` and its ``sites``; what is not known is left out."""
    lists = {
        "arms": [_known(asdict(one)) for one in study.arms],
        "investigators": [_known(asdict(one)) for one in study.investigators],
        "status_history": [_known(asdict(one)) for one in study.status_history],
        "visits": [_known(asdict(one)) for one in study.planned_visits],
        "outcomes": [
            _known({**asdict(one), "is_objective": None, "objective": one.is_objective or None})
            for one in study.outcome_measures
        ],
        "eligibility": [
            _known(
                {
                    "identifier": one.identifier,
                    "kind": "inclusion" if one.inclusion else "exclusion",
                    "version": one.version,
                    "text": one.text,
                }
            )
            for one in study.eligibility
        ],
    }
    plain = {name: getattr(study, name) for name in StudySection.model_fields if hasattr(study, name)}
    words = {
        **plain,
        "condition": study.conditions,
        "features": tuple(one.text for one in study.features),
        "minimum_age": _age(study.minimum_age),
        "maximum_age": _age(study.maximum_age),
        **lists,
    }
    sites = {site.identifier: _known({**asdict(site), "identifier": None}) for site in study.sites}
    ordered = {name: words[name] for name in StudySection.model_fields}
    return {"study": _known(ordered), **({"sites": sites} if sites else {})}


def _known(words: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in words.items() if value not in (None, (), [])}


def _age(limit: Quantity | None) -> str | None:
    return None if limit is None or limit.unit is None else f"{limit.value} {limit.unit.text}"

"""ResearchSubject: a participant's way through the trial.

R4: http://hl7.org/fhir/R4/researchsubject.html. The arms are plain strings there and stand only in an unblinded
target.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.consent import InformedConsent
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import period, present, reference
from fhir_msc.trial import Disposition, Participant


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A participant with what is recorded of consent and disposition: one resource of all of them."""

    participant: Participant
    consent: InformedConsent | None = None
    dispositions: tuple[Disposition, ...] = ()
    has_end: bool = True
    """Whether the day on which the participant left is told."""


_LEFT_STUDY = {
    "completed": "off-study",
    "discontinued": "off-study",
    "died": "off-study",
    "lost-to-follow-up": "off-study",
    "screen-failure": "ineligible",
}
_LEFT_TREATMENT = frozenset({"completed", "discontinued"})


def build(record: Enrolment, links: Links, context: ResourceContext) -> Body:
    """The ResearchSubject: status and period, the subject's number, study, person and consent."""
    participant = record.participant
    status, _ = standing(record)
    start, end = span(record)
    return present(
        {
            "resourceType": "ResearchSubject",
            "id": links.rid,
            "meta": context.meta(),
            "identifier": [
                context.sync_identifier(links.rid),
                {
                    "system": context.identifier_system("subject"),
                    "value": participant.label or participant.participant,
                },
            ],
            "status": status,
            "period": period(start, end),
            "study": reference("ResearchStudy", links.study),
            "individual": reference("Patient", links.subject),
            "assignedArm": None if context.blind else participant.arm,
            "actualArm": None if context.blind else participant.actual_arm,
            "consent": reference("Consent", links.consent),
        }
    )


def standing(record: Enrolment) -> tuple[str, str | None]:
    """The R4 research-subject-status, and the date on which the participant left the study.

    Withdrawal of consent outranks death, which outranks leaving the study, then leaving the treatment, then the
    milestones. An unclear withdrawal changes nothing until the site has answered. Of several of a kind the earliest
    counts.
    """
    events = sorted(record.dispositions, key=lambda event: (event.date or "9999", event.kind))
    withdrawal = record.consent.withdrawal if record.consent else None
    if withdrawal is not None:
        return "withdrawn", withdrawal.date
    for event in events:
        if event.kind == "consent-withdrawn":
            return "withdrawn", event.date
    if record.participant.died:
        return "off-study", record.participant.death_date
    for event in events:
        if event.scope == "study" and event.kind in _LEFT_STUDY:
            return _LEFT_STUDY[event.kind], event.date
    if any(event.scope == "treatment" and event.kind in _LEFT_TREATMENT for event in events):
        return "follow-up", None
    kinds = {event.kind for event in events}
    if "randomised" in kinds:
        return "on-study-intervention", None
    if "enrolled" in kinds:
        return "on-study", None
    return ("candidate" if record.consent is None else "screening"), None


def span(record: Enrolment) -> tuple[str | None, str | None]:
    """The days on which the participation began, and ended."""
    return _start(record), standing(record)[1] if record.has_end else None


def _start(record: Enrolment) -> str | None:
    """When the participation began: with the consent, else with the first milestone."""
    if record.consent is not None and record.consent.given.date is not None:
        return record.consent.given.date
    milestones = [
        event.date for event in record.dispositions if event.kind in ("enrolled", "randomised") and event.date
    ]
    return min(milestones, default=None)

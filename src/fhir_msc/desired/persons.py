"""What all resources of one participant share, remembered while the rows of a table come.

Everything here follows from the roster, which is read before; what is remembered is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Made
from fhir_msc.desired.roster import Member
from fhir_msc.desired.study import site_rid, study_rid
from fhir_msc.release.consent import AFTER_WITHDRAWAL, ConsentState, Gate, gate

NOT_OF_THIS_TARGET = "MSC-SITE-001"
UNKNOWN_PARTICIPANT = "MSC-MAP-007"
PARTICIPANT_REJECTED = "MSC-MAP-010"

_MOST_PERSONS = 512
_MOST_DAYS = 512

Meeting = tuple[str, str | None]
"""The id of an Encounter, and its day."""


def held(reason: str | None) -> Made | None:
    """That a record is held for this reason; ``None`` where there is none."""
    # What was collected after the withdrawal will never go: it is not held for later.
    return None if reason is None else Made(None, "withheld" if reason == AFTER_WITHDRAWAL else "held", reason)


class _Gates(dict[str | None, Made | None]):
    """Why what was collected on a day is held; ``None`` where it is not."""

    def __init__(self, consent: ConsentState) -> None:
        self._consent = consent

    def __missing__(self, collected: str | None) -> Made | None:
        if len(self) >= _MOST_DAYS:
            self.clear()
        found = self[collected] = held(gate(self._consent, collected, Gate.DATED))
        return found


class Zones(dict[str, "str | None"]):
    """The zones of the participants' sites, once the roster is complete. Emptied when full, to stay small."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __missing__(self, participant: str) -> str | None:
        if len(self) >= _MOST_PERSONS:
            self.clear()
        found = self[participant] = self._frame.zone(participant)
        return found


class _Meetings(dict[str | None, Meeting | None]):
    """The Encounters by the visit's number; none of a visit that may not leave, or of no visit."""

    def __init__(self, look_up: Callable[[str], Meeting | None]) -> None:
        self._look_up = look_up

    def __missing__(self, visit: str | None) -> Meeting | None:
        found = self[visit] = None if visit is None else self._look_up(visit)
        return found


@dataclass(frozen=True, slots=True)
class Person:
    """What all resources of one participant share: the lane, the ids of the study and the site, what is known of the
    consent, why nothing of them may leave, the gates by day and the encounters by visit."""

    lane: str
    study: str
    site: str | None
    member: Member
    barred: Made | None
    gates: _Gates
    encounters: _Meetings


class Persons(dict[str, Person]):
    """The participants by identifier, as one target takes them. Emptied when full, to stay small."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __missing__(self, participant: str) -> Person:
        if len(self) >= _MOST_PERSONS:
            self.clear()
        frame = self._frame
        roster, identity, study = frame.roster, frame.identity, frame.policy.study.identifier
        member = roster.member(participant)
        person = self[participant] = Person(
            lane=identity.rid("Patient", (participant,)),
            study=study_rid(identity, study, member.site),
            site=site_rid(identity, member.site) if member.site else None,
            member=member,
            barred=self._barred(member),
            gates=_Gates(member.consent),
            encounters=_Meetings(lambda visit: roster.encounter(participant, visit)),
        )
        return person

    def _barred(self, member: Member) -> Made | None:
        """Why nothing of a participant may leave, whatever it is."""
        if not member.known:
            return Made(None, "rejected", UNKNOWN_PARTICIPANT)
        if not member.mapped:
            return Made(None, "held", PARTICIPANT_REJECTED)
        sites = self._frame.policy.sites
        if sites is not None and not (member.sites and member.sites <= sites):
            return Made(None, "withheld", NOT_OF_THIS_TARGET)
        return None

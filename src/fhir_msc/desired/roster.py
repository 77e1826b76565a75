"""The roster: who is in the trial, at which site, under which consent, with which visits.

Read before anything else, because it decides what may leave. It stands in a temporary SQLite file: ten times the
participants take the same memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from fhir_msc.findings import Origin
from fhir_msc.release.consent import ConsentPolicy, ConsentState, consent_state, ends_consent
from fhir_msc.scratch import scratch_database
from fhir_msc.trial import Consent, Disposition, Participant

_REMEMBERED = 512
_STAYS = "SELECT site FROM stay WHERE subject = ?"


@dataclass(frozen=True, slots=True)
class Member:
    """A participant as the release rules see one: whether the study's tables name them at all, whether their own row
    could be mapped, site, all sites that their rows name, the site's IANA zone, and consent."""

    known: bool
    mapped: bool
    site: str | None
    sites: frozenset[str]
    zone: str | None
    consent: ConsentState


class Roster:
    """Participants, consents, dispositions and visits of the study.

    ``zone_of`` gives a site's zone; ``answers`` are the project's answers to unclear withdrawals: participant →
    ``consent`` or ``participation``.
    """

    def __init__(
        self, zone_of: Callable[[str | None], str | None], policy: ConsentPolicy, answers: Mapping[str, str]
    ) -> None:
        self._zone_of = zone_of
        self._policy = policy
        self._answers = dict(answers)
        self._database = scratch_database()
        self._database.execute("CREATE TABLE participant (subject PRIMARY KEY, site, mapped) WITHOUT ROWID")
        self._database.execute(
            "CREATE TABLE stay (subject, site, key, origins, PRIMARY KEY (subject, site)) WITHOUT ROWID"
        )
        self._database.execute("CREATE TABLE consent (subject, day, decision, key, origins)")
        self._database.execute("CREATE TABLE disposition (subject, kind, day, scope, term, key, origins)")
        self._database.execute("CREATE TABLE visit (subject, number, rid, day)")
        for table in ("consent", "disposition", "visit"):
            self._database.execute(f"CREATE INDEX {table}_of ON {table} (subject)")
        self._members: dict[str, Member] = {}

    def add_participant(self, record: Participant) -> None:
        """Enters a participant; of two rows the one whose site comes first in the alphabet counts, and both sites are
        kept."""
        self._members.pop(record.participant, None)
        self._database.execute(
            "INSERT INTO participant VALUES (?, ?, 1) ON CONFLICT (subject) DO UPDATE"
            " SET site = min(coalesce(site, excluded.site), coalesce(excluded.site, site)), mapped = 1",
            (record.participant, record.site),
        )
        if record.site is not None:
            self._database.execute(
                "INSERT OR IGNORE INTO stay VALUES (?, ?, ?, ?)",
                (record.participant, record.site, *_packed(record.key, record.origins)),
            )

    def add_unmapped(self, participant: str) -> None:
        """Enters a participant whose own row could not be mapped."""
        self._members.pop(participant, None)
        self._database.execute("INSERT OR IGNORE INTO participant VALUES (?, NULL, 0)", (participant,))

    def add_consent(self, record: Consent) -> None:
        """Enters a consent or its withdrawal."""
        self._members.pop(record.participant, None)
        self._database.execute(
            "INSERT INTO consent VALUES (?, ?, ?, ?, ?)",
            (record.participant, record.date, record.decision, *_packed(record.key, record.origins)),
        )

    def add_disposition(self, record: Disposition) -> None:
        """Enters a step through the trial."""
        self._members.pop(record.participant, None)
        self._database.execute(
            "INSERT INTO disposition VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                record.participant,
                record.kind,
                record.date,
                record.scope,
                record.term,
                *_packed(record.key, record.origins),
            ),
        )

    def add_visit(self, participant: str, number: str, rid: str, day: str | None) -> None:
        """Enters a visit that may leave, with the id of its Encounter."""
        self._database.execute("INSERT INTO visit VALUES (?, ?, ?, ?)", (participant, number, rid, day))

    def has_participants(self) -> bool:
        """Whether anybody is in it."""
        return self._database.execute("SELECT 1 FROM participant LIMIT 1").fetchone() is not None

    def participants(self) -> Iterator[str]:
        """Everybody in it, by identifier."""
        for (participant,) in self._database.execute("SELECT subject FROM participant ORDER BY subject"):
            yield participant

    def member(self, participant: str) -> Member:
        """What is known of a participant."""
        found = self._members.get(participant)
        if found is None:
            if len(self._members) >= _REMEMBERED:
                self._members.clear()
            found = self._members[participant] = self._look_up(participant)
        return found

    def _look_up(self, participant: str) -> Member:
        row = self._database.execute(
            "SELECT site, mapped FROM participant WHERE subject = ?", (participant,)
        ).fetchone()
        site, mapped = row or (None, 0)
        sites = frozenset(one for (one,) in self._database.execute(_STAYS, (participant,)))
        consent = self._consent_state(participant)
        return Member(row is not None, bool(mapped), site, sites, self._zone_of(site), consent)

    def _consent_state(self, participant: str) -> ConsentState:
        given: list[str] = []
        withdrawn = self._withdrawn_by_steps(participant)
        for day, decision in self._database.execute(
            "SELECT day, decision FROM consent WHERE subject = ?", (participant,)
        ):
            if decision == "withdrawn":
                withdrawn.append(day)
            elif day:
                given.append(day)
        return consent_state(given, withdrawn, self._policy)

    def _withdrawn_by_steps(self, participant: str) -> list[str | None]:
        """The days on which a disposition says that the consent was withdrawn, or the project's answer does."""
        steps = self._database.execute("SELECT day, kind FROM disposition WHERE subject = ?", (participant,))
        return [day for day, kind in steps if self._ends_consent(participant, kind)]

    def _ends_consent(self, participant: str, kind: str) -> bool:
        return kind == "consent-withdrawn" or (
            kind == "unclear-withdrawal" and self._answers.get(participant) == "consent"
        )

    def consent_in_force(self, participant: str) -> tuple[Consent, Consent | None] | None:
        """The consent that counts, the first of the last period in which one holds, with its withdrawal."""
        given = [one for one in self.consents(participant) if one.decision == "given"]
        if not given:
            return None
        state = self.member(participant).consent
        last = state.periods[-1].since
        counted = given[0] if len(state.periods) == 1 else next(one for one in given if one.date == last)
        return counted, self.withdrawal_of(counted) if state.is_withdrawn else None

    def withdrawal_of(self, consent: Consent) -> Consent | None:
        """The first withdrawal of that consent or of a later one."""
        since = consent.date or ""
        given = [day for one in self.consents(consent.participant) if one.decision == "given" and (day := one.date)]
        found = (
            one
            for one in self.withdrawals(consent.participant)
            if not one.date or any(day >= since and ends_consent(one.date, day) for day in given)
        )
        return next(found, None)

    def consents(self, participant: str) -> list[Consent]:
        """The recorded consents and withdrawals, oldest first."""
        return [
            Consent(key, participant, origins, day, decision)
            for day, decision, key, origins in self._rows(
                "SELECT day, decision, key, origins FROM consent WHERE subject = ? ORDER BY day, decision, key",
                participant,
            )
        ]

    def withdrawals(self, participant: str) -> list[Consent]:
        """The withdrawals of consent: recorded as such, by a disposition, or by the project's answer."""
        found = [one for one in self.consents(participant) if one.decision == "withdrawn"]
        if self._withdrawn_by_steps(participant):
            found += [
                Consent(step.key, participant, step.origins, step.date, "withdrawn")
                for step in self.dispositions(participant)
                if self._ends_consent(participant, step.kind)
            ]
        return sorted(found, key=lambda one: (one.date or "9999", one.key))

    def dispositions(self, participant: str) -> list[Disposition]:
        """The steps through the trial, in the order of date and key; an answered withdrawal as what it was."""
        steps = [
            Disposition(key, participant, origins, kind, day, scope, term)
            for kind, day, scope, term, key, origins in self._rows(
                "SELECT kind, day, scope, term, key, origins FROM disposition WHERE subject = ? ORDER BY day, key",
                participant,
            )
        ]
        answer = self._answers.get(participant)
        kind = {"participation": "discontinued", "consent": "consent-withdrawn"}.get(answer or "")
        return [replace(step, kind=kind) if kind and step.kind == "unclear-withdrawal" else step for step in steps]

    def encounter(self, participant: str, number: str) -> tuple[str, str | None] | None:
        """The Encounter's id and the day of a visit that may leave."""
        row = self._database.execute(
            "SELECT rid, day FROM visit WHERE subject = ? AND number = ? ORDER BY rid, day LIMIT 1",
            (participant, number),
        ).fetchone()
        return (row[0], row[1]) if row else None

    def sites(self) -> list[str]:
        """The sites that have participants who gave their consent; of others nothing leaves, not even their site."""
        return [
            site
            for (site,) in self._database.execute(
                "SELECT DISTINCT site FROM participant JOIN consent USING (subject)"
                " WHERE site IS NOT NULL AND decision = 'given' ORDER BY site"
            )
        ]

    def of_several_sites(self) -> list[tuple[str, tuple[Origin, ...]]]:
        """The participants whose rows name more than one site, and a row for each."""
        subjects = self._database.execute(
            "SELECT subject FROM stay GROUP BY subject HAVING count(*) > 1 ORDER BY subject"
        ).fetchall()
        return [
            (
                subject,
                tuple(
                    origin
                    for _, origins in self._rows(
                        "SELECT key, origins FROM stay WHERE subject = ? ORDER BY site", subject
                    )
                    for origin in origins
                ),
            )
            for (subject,) in subjects
        ]

    def unclear_withdrawals(self) -> list[Disposition]:
        """The withdrawals that say nothing of the consent and have no answer yet, one per participant."""
        subjects = [
            subject
            for (subject,) in self._database.execute(
                "SELECT DISTINCT subject FROM disposition WHERE kind = 'unclear-withdrawal' ORDER BY subject"
            )
            if subject not in self._answers
        ]
        return [
            next(step for step in self.dispositions(subject) if step.kind == "unclear-withdrawal")
            for subject in subjects
        ]

    def _rows(self, statement: str, participant: str) -> Iterator[tuple[Any, ...]]:
        for row in self._database.execute(statement, (participant,)):
            key, origins = orjson.loads(row[-2]), orjson.loads(row[-1])
            unpacked = tuple(Origin(**{**one, "fields": tuple(one["fields"])}) for one in origins)
            yield (*row[:-2], tuple(key), unpacked)


def _packed(key: tuple[str, ...], origins: tuple[Origin, ...]) -> tuple[bytes, bytes]:
    return orjson.dumps(key), orjson.dumps(origins)

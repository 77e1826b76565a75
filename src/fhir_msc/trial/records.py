"""What a trial is, in its own words: participants, consents, visits, infusions, observations, events.

The records of one participant. The study itself is in ``study.py``. No FHIR and no I/O here: a record is what a data
manager would read out of the EDC, with the cells it came from.

Every record has a ``key`` (``Key``: record kind, table, and the columns that make it unique), the ``participant`` it
belongs to (the sponsor's unique subject identifier), and its ``origins``. Fields marked *sealed* tell the arm or may
tell it: in a blind project they are ``None``, and ``release`` refuses a record that has them.
"""

from __future__ import annotations

from typing import Literal

from fhir_msc.findings import Origin
from fhir_msc.quick import quick
from fhir_msc.trial.values import Component, Concept, ObservationDescription, Quantity, ReferenceRange

Key = tuple[str, ...]
"""The stable business key: record kind, source table, participant, then the pack's key columns as written."""


@quick(frozen=True, slots=True)
class Participant:
    """A person in the trial (ICH E6(R3)). Dates may be partial (``1951``, ``1951-03``)."""

    key: Key
    participant: str
    origins: tuple[Origin, ...]
    label: str | None = None
    """The subject's number at the site (SUBJID), if it differs from ``participant``."""
    site: str | None = None
    sex: str | None = None
    """R4 administrative gender: male, female, other, unknown."""
    birth_date: str | None = None
    death_date: str | None = None
    died: bool = False
    country: str | None = None
    arm: str | None = None
    """Sealed: the arm assigned."""
    actual_arm: str | None = None
    """Sealed: the arm received."""


@quick(frozen=True, slots=True)
class Consent:
    """A recorded informed consent, or its withdrawal.

    ``decision`` is ``given`` or ``withdrawn``; a withdrawal of consent is recorded as such, never inferred from a
    participant's leaving the treatment or the study.
    """

    key: Key
    participant: str
    origins: tuple[Origin, ...]
    date: str | None
    decision: Literal["given", "withdrawn"] = "given"


@quick(frozen=True, slots=True)
class Disposition:
    """How a participant went through the trial: screened, randomised, completed, left, and why (SDTM DS).

    ``kind`` is what the pack made of the term:

    - ``enrolled``, ``randomised``: milestones.
    - ``completed``, ``discontinued``, ``died``, ``screen-failure``, ``lost-to-follow-up``: leaving.
    - ``consent-withdrawn``: the participant withdrew the consent.
    - ``unclear-withdrawal``: WITHDRAWAL BY SUBJECT, which says nothing of the consent: a question for the site.

    ``scope`` is ``study`` or ``treatment``.
    """

    key: Key
    participant: str
    origins: tuple[Origin, ...]
    kind: str
    date: str | None = None
    scope: Literal["study", "treatment"] = "study"
    term: str | None = None


@quick(frozen=True, slots=True)
class Visit:
    """A visit that took place or was missed. ``number`` is the protocol's (SDTM VISITNUM)."""

    key: Key
    participant: str
    origins: tuple[Origin, ...]
    number: str | None
    name: str | None = None
    start: str | None = None
    end: str | None = None
    status: str = "finished"
    """finished, in-progress, cancelled (missed) or planned."""
    reason: str | None = None
    """Why an unplanned visit took place, in the source's words."""


@quick(frozen=True, slots=True)
class Infusion:
    """One administration of the study product, given or not given.

    ``end`` is sealed, for the duration may tell the arm; so are ``product``, ``dose``, ``volume``, ``dose_text``,
    ``lot``, ``kit`` and ``device``.
    """

    key: Key
    participant: str
    origins: tuple[Origin, ...]
    start: str | None
    status: str = "completed"
    """completed, not-done, stopped, in-progress or unknown."""
    reason: Concept | None = None
    """Why it was not done or stopped."""
    route: Concept | None = None
    form: Concept | None = None
    visit: str | None = None
    end: str | None = None
    product: Concept | None = None
    dose: Quantity | None = None
    volume: Quantity | None = None
    dose_text: str | None = None
    """What was given, in the source's words where they are no number (``1-2 vials``)."""
    lot: str | None = None
    kit: str | None = None
    """The unit of the product that was given, as the pharmacy counts units."""
    device: str | None = None
    """What it was given with, by the sponsor's identifier."""


@quick(frozen=True, slots=True)
class CellProduct:
    """A unit of the cell product as the pharmacy knows it. Sealed as a whole. Dates may be partial."""

    key: Key
    participant: str
    origins: tuple[Origin, ...]
    lot: str | None = None
    kit: str | None = None
    donor: str | None = None
    """The donor's code, never a name."""
    product: Concept | None = None
    cells: Quantity | None = None
    viability: Quantity | None = None
    collected: str | None = None
    """When the starting material was taken from the donor."""
    processing: tuple[str, ...] = ()
    """The steps of the manufacture in the source's words, in their order."""
    processed: str | None = None
    """When the manufacture ended."""
    passage: str | None = None
    """How often the cells were passaged: a whole number."""
    expiry: str | None = None
    thawed: str | None = None
    storage_temperature: Quantity | None = None
    """In degrees of Celsius, Fahrenheit or Kelvin (UCUM ``Cel``, ``[degF]``, ``K``)."""
    available: bool | None = None


@quick(frozen=True, slots=True)
class Observation:
    """Something measured, seen or asked.

    One of ``value``, ``components`` or ``absent`` (why nothing was found) is there.
    ``visit`` is the number of the visit it was made at.
    """

    key: Key
    participant: str
    origins: tuple[Origin, ...]
    description: ObservationDescription
    effective: str | None = None
    value: Quantity | Concept | str | None = None
    components: tuple[Component, ...] = ()
    absent: Concept | None = None
    reference_range: ReferenceRange | None = None
    visit: str | None = None
    profiles: tuple[str, ...] = ()
    """Canonical URLs the resource claims (R4's vital-signs profiles)."""
    note: str | None = None
    sample: str | None = None
    """The identifier of the very sample (SDTM --REFID); one of a known kind is a resource of its own."""
    device: str | None = None
    """What it was measured with, by the sponsor's identifier (SDTM SPDEVID). Sealed: it may be bound to an arm."""


@quick(frozen=True, slots=True)
class AdverseEvent:
    """An untoward medical occurrence (ICH E2A). ``criteria`` are the E2B seriousness criteria that were ticked."""

    key: Key
    participant: str
    origins: tuple[Origin, ...]
    term: str
    start: str | None = None
    end: str | None = None
    severity: str | None = None
    """R4: mild, moderate, severe. A CTCAE grade 4 or 5 has no severity of its own in R4."""
    grade: Concept | None = None
    serious: bool | None = None
    criteria: tuple[Concept, ...] = ()
    outcome: str | None = None
    """R4: resolved, recovering, ongoing, resolvedWithSequelae, fatal, unknown."""
    relatedness: str | None = None
    """The investigator's causality in the source's words."""
    action: str | None = None
    """What was done with the study treatment, in the source's words."""


@quick(frozen=True, slots=True)
class Condition:
    """A disease or another condition of the participant, past or present (SDTM MH). Dates may be partial.

    ``status`` is R4's condition-clinical, ``verification`` its condition-ver-status (``refuted``: asked for, and not
    there).
    """

    key: Key
    participant: str
    origins: tuple[Origin, ...]
    term: str
    """In the source's words."""
    code: Concept | None = None
    """What is known beside the words: codings."""
    onset: str | None = None
    abatement: str | None = None
    asserted: str | None = None
    """When it was diagnosed."""
    recorded: str | None = None
    """When it was written down."""
    status: str | None = None
    verification: str | None = None
    category: Concept | None = None
    severity: Concept | None = None
    body_site: Concept | None = None
    note: str | None = None


@quick(frozen=True, slots=True)
class Medication:
    """A medication that the participant took beside or before the study product (SDTM CM). Dates may be partial.

    ``status`` is R4's medication-statement-status.
    """

    key: Key
    participant: str
    origins: tuple[Origin, ...]
    term: str
    """In the source's words."""
    code: Concept | None = None
    """What is known beside the words: codings."""
    form: Concept | None = None
    category: Concept | None = None
    start: str | None = None
    end: str | None = None
    recorded: str | None = None
    """When it was written down."""
    status: str = "unknown"
    status_reason: Concept | None = None
    """Why it was stopped, or not taken."""
    reason: str | None = None
    """What it was taken for, in the source's words."""
    dose: Quantity | None = None
    dose_text: str | None = None
    frequency: Concept | None = None
    as_needed: bool = False
    route: Concept | None = None
    body_site: Concept | None = None
    note: str | None = None


Record = (
    Participant
    | Consent
    | Disposition
    | Visit
    | Infusion
    | CellProduct
    | Observation
    | AdverseEvent
    | Condition
    | Medication
)
"""What a row of a participant can become."""

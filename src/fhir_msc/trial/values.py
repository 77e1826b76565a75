"""Values inside a trial record: concepts, quantities, ranges.

Numbers are text, exactly as the source wrote them in a form that JSON takes (``1.50`` stays ``1.50``, ``.94`` is
``0.94``): no binary float ever stands between the laboratory and the hospital.
Dates and times are text in FHIR's ``date`` or ``dateTime`` form (R4 §2.24.0.1) with the precision the source had; a
time always carries its zone.
"""

from __future__ import annotations

from fhir_msc.quick import RememberedHash, quick, remembers_hash


@remembers_hash
@quick(frozen=True, slots=True)
class Coding(RememberedHash):
    """A code of a code system. ``system`` may be relative to the project's namespace (``sle-assessment``)."""

    system: str
    code: str
    display: str | None = None


@remembers_hash
@quick(frozen=True, slots=True)
class Concept(RememberedHash):
    """What something is: codings, best first, and the words of the source."""

    codings: tuple[Coding, ...] = ()
    text: str | None = None


@remembers_hash
@quick(frozen=True, slots=True)
class Unit(RememberedHash):
    """A unit as printed (``text``) and in UCUM (``ucum``; ``None`` where the text has no UCUM code)."""

    text: str
    ucum: str | None = None


@quick(frozen=True, slots=True)
class Quantity:
    """A number as written, in its unit; ``comparator`` is one of ``< <= >= >`` or ``None``."""

    value: str
    unit: Unit | None = None
    comparator: str | None = None


@quick(frozen=True, slots=True)
class ReferenceRange:
    """The laboratory's limits, numbers as written, in the result's unit; ``text`` for what no number can say."""

    low: str | None = None
    high: str | None = None
    text: str | None = None


@quick(frozen=True, slots=True)
class Component:
    """One part of a panel (systolic of a blood pressure). ``absent`` says why there is no value."""

    code: Concept
    value: Quantity | Concept | str | None = None
    absent: Concept | None = None


@remembers_hash
@quick(frozen=True, slots=True)
class ObservationDescription(RememberedHash):
    """What an observation is, whatever was found, when, and of whom. The results of a table share a few descriptions,
    each made once. ``category`` is R4's observation-category code; ``None`` where none fits."""

    category: str | None
    code: Concept
    interpretation: Concept | None = None
    status: str = "final"
    method: Concept | None = None
    position: Concept | None = None
    """How the participant was placed (supine, standing)."""
    body_site: Concept | None = None
    specimen: str | None = None
    """The specimen's kind in the source's words (LBSPEC)."""
    source_category: Concept | None = None
    """The source's own category: an instrument, a panel (SDTM --CAT)."""
    performers: tuple[str, ...] = ()
    """Who judged, in the source's words (SDTM --EVAL, --EVALID)."""
    report: str | None = None
    """The name of the report that it is part of, in the source's words: a panel of the laboratory (SDTM LBCAT)."""

"""Moments that two tables give of the same thing, each in its own precision: a dose by the day in one (SDTM EC), by the
minute in the other (EX)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from fhir_msc.mapping.transforms import Unreadable, iso_date_time

_CLOCK = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d))?)?", re.ASCII)
_OFFSET = re.compile(r"(?:Z|[+-]\d\d(?::?\d\d)?)$", re.ASCII)
_DAY = 3
"""Parts of a date that is whole."""


class _Moment(NamedTuple):
    text: str
    parts: tuple[str, ...]
    """Year, month, day, hour, minute, second, as far as they are known; none of what is no moment."""
    offset: str


class SameMoments(NamedTuple):
    """Which moments are the same, and which of the other table may be one of several; as they stand there."""

    pairs: dict[str, str]
    unclear: frozenset[str]


def same_moments(own: Collection[str], others: Collection[str]) -> SameMoments:
    """Compares the moments of one participant. Equal texts are one moment, unless one of ``own`` that has no equal
    agrees as well. Of the rest two are one where they agree at the coarser precision and neither agrees with anything
    else; nothing else is guessed: what agrees in more than one way, or stands at another time of a day of which the
    partner lacks, is unclear."""
    equal = set(own).intersection(others)
    if len(equal) == len(set(others)) == len(set(own)):
        return SameMoments({text: text for text in equal}, frozenset())
    mine = [_moment(text) for text in sorted(set(own))]
    left = [one for one in mine if one.text not in equal]
    theirs = [_moment(text) for text in sorted(set(others) - equal)]
    # The day of one may be a time of that day of another that has no partner.
    unclear = {one.text for one in map(_moment, equal) if any(_agree(one, rival) for rival in left)}
    pairs = {text: text for text in equal - unclear}
    for other in theirs:
        partners = [one for one in mine if _agree(one, other)]
        if len(partners) == 1 and partners[0].text not in equal:
            partner = partners[0]
            if sum(_agree(partner, rival) for rival in theirs) == 1:
                pairs[partner.text] = other.text
                continue
        if partners or any(_agree(one, other, _DAY) for one in left):
            unclear.add(other.text)
    return SameMoments(pairs, frozenset(unclear))


def _agree(one: _Moment, other: _Moment, most: int = 6) -> bool:
    """Whether two moments are one at the coarser precision, and at none finer than ``most`` parts."""
    known = min(len(one.parts), len(other.parts), most)
    if not known or one.parts[:known] != other.parts[:known]:
        return False
    return known <= _DAY or not one.offset or not other.offset or one.offset == other.offset


def _moment(text: str) -> _Moment:
    try:
        date = iso_date_time(text, None)[0].partition("T")[0]
    except Unreadable:
        return _Moment(text, (), "")
    parts = tuple(date.split("-"))
    clock = text.strip().replace(" ", "T", 1).partition("T")[2]
    if len(parts) < _DAY or "/" in text or not clock:
        return _Moment(text, parts, "")
    time, offset = _CLOCK.match(clock), _OFFSET.search(clock)
    known = tuple(part for part in time.groups() if part) if time else ()
    return _Moment(text, parts + known, offset[0] if offset else "")

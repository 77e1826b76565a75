"""Codes of the product that tell a person: a lot, kit or donor that holds a name or a number of somebody.

Lots and kits leave for servers, labels and orders where nobody expects a person. So a code is refused that looks like
a social security number, that says it is a medical record number or has the project's form of one, or that holds what
a column of persons holds. Pure functions; where the persons are kept is the caller's affair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from unicodedata import category, combining, decimal, normalize

from fhir_msc.trial import CellProduct, Concept, Infusion

SHORTEST_WORD = 3
SHORTEST_INSIDE = 5
"""A name of fewer letters counts only as a word of its own: LEE is no part of SLEEVE."""

_LONGEST = 40
"""Of a longer name its beginning is looked for."""

_SSN = re.compile(
    r"(?<!\d)(?!000|666|9\d\d)\d{3}([\W_]{1,3})(?!00)\d{2}\1(?!0000)\d{4}(?!\d)|(?<![a-z])ssn[\W_]*\d{9}(?!\d)",
    re.ASCII,
)
"""As issued by the Social Security Administration: no area 000, 666 or 9xx, no group 00, no serial 0000. Nine digits
without separators are as good a lot, unless they say what they are."""
_MRN = re.compile(r"(?<![a-z])mrn[\W_]*\d", re.ASCII)


def told(
    codes: Iterable[str], is_known: Callable[[Sequence[str]], bool], record_number: re.Pattern[str] | None = None
) -> tuple[str, str] | None:
    """The first code that tells a person, and how; ``None`` where none does.

    ``is_known`` says whether one of these parts (``parts``) is a person's (``names``). ``record_number`` is the form
    of a medical record number in this project.
    """
    for code in codes:
        text = _one_spelling(code)
        if _SSN.search(text):
            return code, "looks like a social security number"
        if _MRN.search(text) or (record_number is not None and record_number.search(code)):
            return code, "looks like a medical record number"
        found = parts(code)
        if found and is_known(found):
            return code, "holds what a column of persons holds"
    return None


def codes_of(record: CellProduct | Infusion) -> list[str]:
    """The codes and words of a record by which the product is called."""
    found = [record.lot, record.kit, *_words(record.product)]
    if isinstance(record, CellProduct):
        found.append(record.donor)
    return [one for one in found if one]


def _words(product: Concept | None) -> list[str | None]:
    return [] if product is None else [*(coding.code for coding in product.codings), product.text]


def names(cell: str) -> list[str]:
    """What a cell of a column of persons is looked for as: a name as a whole and word by word, a number as a whole."""
    words = re.findall(r"[^\W\d_]+", _plain(cell)) if not any(map(str.isdigit, cell)) else []
    whole = _joined(cell)
    return sorted({one[:_LONGEST] for one in (whole, *words) if len(one) >= SHORTEST_WORD})


def parts(code: str) -> list[str]:
    """What of a code may be a person: its words, and all that stands within it and is long enough."""
    text = _joined(code)
    inside = {
        text[start : start + size]
        for size in range(SHORTEST_INSIDE, min(_LONGEST, len(text)) + 1)
        for start in range(len(text) - size + 1)
    }
    words = {word[:_LONGEST] for word in re.findall(r"[^\W\d_]+|\d+", _plain(code)) if len(word) >= SHORTEST_WORD}
    whole = {text} if SHORTEST_WORD <= len(text) <= _LONGEST else set()
    return sorted(inside | words | whole)


def _one_spelling(text: str) -> str:
    """Digits as ASCII digits, whatever their width or script; dashes as one; without marks that nobody sees."""
    return "".join(
        str(digit) if (digit := decimal(one, None)) is not None else "-" if category(one) == "Pd" else one
        for one in normalize("NFKC", text).casefold()
        if category(one) != "Cf"
    )


def _plain(text: str) -> str:
    """Without case and accents."""
    return "".join(one for one in normalize("NFKD", text.casefold()) if not combining(one))


def _joined(text: str) -> str:
    return "".join(filter(str.isalnum, _plain(text)))

"""Words of a pack that say what something is, as functions of a row's cells."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_msc.errors import PackError
from fhir_msc.findings import Severity
from fhir_msc.mapping.conditions import condition, conditional
from fhir_msc.mapping.expressions import words_between_commas
from fhir_msc.mapping.notes import Topic, left_out
from fhir_msc.mapping.scope import CellProblem, Cells, Getter, Scope, nothing, remembering
from fhir_msc.mapping.systems import SYSTEMS, coding
from fhir_msc.mapping.values import ConceptOf
from fhir_msc.trial import Coding, Concept


def concept(words: ConceptOf | None, scope: Scope) -> Getter[Concept]:
    """A concept: fixed, by an inline map, or by a code table; always with the words of the source."""
    if words is None:
        return nothing
    if words.constant is not None:
        fixed = _fixed(words.constant, scope)
        return conditional(lambda _cells, _zone: fixed, condition(words.if_, scope))
    if not scope.open(words.from_):
        return nothing
    return remembering(scope, lambda: conditional(_looked_up(words, scope), condition(words.if_, scope)))


def first_concept(alternatives: Sequence[ConceptOf], scope: Scope) -> Getter[Concept]:
    """The first of several concepts that yields."""
    getters = [getter for one in alternatives if (getter := concept(one, scope)) is not nothing]
    if len(getters) < 2:
        return getters[0] if getters else nothing
    return lambda cells, zone: next((found for get in getters if (found := get(cells, zone)) is not None), None)


def _looked_up(words: ConceptOf, scope: Scope) -> Getter[Concept]:
    columns = tuple(scope.open(words.from_))
    table = scope.table(words.table) if words.table else None
    # A table for one kind of cell (routes, units) serves columns of any name.
    named = tuple(words.under.get(column, column) for column in columns)
    names = named if table is None or named[0] in table.columns else table.columns[: len(columns)]
    places = [scope.index(column) for column in columns]
    words_of_it = words_between_commas(words.text, scope)
    inline = {cell: _fixed(text, scope) for cell, text in (words.map or {}).items()}
    system = SYSTEMS.get(words.sponsor, words.sponsor) if words.sponsor else None
    has_codes = table is not None or bool(inline)
    hint = f"add a line to {words.table}" if words.table else None

    def read(cells: Cells, zone: str | None) -> Concept | None:
        asked = [cells[place] for place in places]
        first = asked[0]
        if not first or first in scope.missing:
            return None
        text = words_of_it(cells, zone) or first
        own = " ".join(first.split())  # FHIR's code has no two blanks in a row
        sponsor = (Coding(system, own, text if text != own else None),) if system else ()
        if first in inline:
            known = inline[first]
            return Concept((*known.codings, *sponsor), known.text or text)
        line = table.find(dict(zip(names, asked, strict=True))) if table else None
        if line is not None and line.get("code"):
            found = coding(f"{line['system']}|{line['code']}|{line.get('display', '')}")
            return Concept((found, *sponsor), text)
        if words.unknown == "report":
            scope.notes.say(scope.notes.open(left_out(columns[:1], first, hint or "add it to the pack's map")))
        if words.unknown in ("drop", "report"):
            return None
        if words.unknown == "reject":
            raise CellProblem(
                "MSC-MAP-002", columns, "unknown code", first, "add it to the pack's code table, or correct it"
            )
        if has_codes:
            topic = Topic(
                "MSC-MAP-003",
                Severity.INFORMATION,
                "no standard code is known: the sponsor's code and words are sent",
                (columns[0],),
                hint,
                first,
            )
            scope.notes.say(scope.notes.open(topic))
        return Concept(sponsor, text)

    return read


def _fixed(text: str, scope: Scope) -> Concept:
    try:
        found = coding(text)
    except ValueError as error:
        raise PackError(f"{scope.place}: {error}") from None
    return Concept((found,), found.display)

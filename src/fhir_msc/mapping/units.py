"""Units of a pack as functions of a row's cells: fixed, or as the source prints them."""

from __future__ import annotations

from fhir_msc.errors import PackError
from fhir_msc.findings import Severity
from fhir_msc.mapping.code_tables import CodeTable
from fhir_msc.mapping.notes import Topic
from fhir_msc.mapping.scope import Cells, Getter, Scope, nothing, remembering
from fhir_msc.mapping.values import UnitOf
from fhir_msc.trial import Unit
from fhir_msc.ucum import is_unit, units_of

_NOT_UCUM = "a unit that is not UCUM, or not one that the table of units knows: sent as text, without a code"


def unit_of(words: UnitOf | None, scope: Scope) -> Getter[Unit]:
    """A number's unit; nothing where the pack names none, or its column is sealed. Raises PackError."""
    if words is None:
        return nothing
    if words.ucum is not None:
        if not is_unit(words.ucum):
            raise PackError(f"{scope.place}: {words.ucum!r} is not a UCUM unit")
        fixed = Unit(words.text or words.ucum, words.ucum)
        return lambda _cells, _zone: fixed
    if words.from_ is None:
        raise PackError(f"{scope.place}: a unit is a UCUM code, or comes `from` a column")
    return nothing if scope.closed(words.from_) else remembering(scope, lambda: _printed_unit(words, scope))


def _printed_unit(words: UnitOf, scope: Scope) -> Getter[Unit]:
    column = words.from_ or ""
    place = scope.index(column)
    table = scope.table(words.table) if words.table else None
    hint = f"add a line to {words.table}" if words.table else "name a code table for units in the pack"

    def read(cells: Cells, _zone: str | None) -> Unit | None:
        cell = cells[place]
        if not cell or cell in scope.missing:
            return None
        line = table.find({table.columns[0]: cell}) if table else None
        code = line["ucum"] if line else cell if _is_ucum(cell, table) else ""
        if not code:
            topic = Topic("MSC-UNIT-001", Severity.WARNING, _NOT_UCUM, (column,), hint, cell)
            scope.notes.say(scope.notes.open(topic))
        return Unit(cell, code or None)

    return read


def _is_ucum(cell: str, table: CodeTable | None) -> bool:
    """Whether a cell that the pack's table of units lacks is a UCUM code as it stands.

    By UCUM's grammar ``K/uL`` is kelvin per microlitre and ``G/L`` gauss per litre, which no laboratory means: a cell
    is taken as UCUM where the table has each of its units.
    """
    units = units_of(cell)
    if units is None or table is None:
        return units is not None
    return units <= {unit for line in table.lines for unit in units_of(line["ucum"]) or ()}

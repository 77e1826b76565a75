"""REDCap exports: the records (raw codes) and the data dictionary that says which field stands on which form.

A table is a form. Its columns are the record id, REDCap's own columns as far as the export has them
(``redcap_event_name``, ``redcap_arm``, ``redcap_repeat_instrument``, ``redcap_repeat_instance``,
``redcap_data_access_group``), the form's fields, its survey timestamp and ``<form>_complete``. Columns that the
dictionary puts on no form make the table ``other``.

A record's row is a row of each form of which it holds anything, for which the 0 that REDCap itself writes into
``<form>_complete`` and into boxes does not count, but on the form of the record id; a row of a repeating instrument is
one of that form alone. So classic and longitudinal projects, repeating instruments and repeating events need no telling
apart. Row numbers are those of the records file, from 1: where a form, a column or rows of it are sealed, they tell how
many rows hold nothing else, and where its arms are the treatments, how many events an arm has. Then no form's may be
shown. What is sealed makes no row one of a form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from fhir_msc.errors import SourceError
from fhir_msc.quick import picker
from fhir_msc.sources.dictionary import COMPLETE_CHOICES, Field, fields_by_column
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import LABEL, Row, Table, field_of, trimmed

EVENT = "redcap_event_name"
ARM = "redcap_arm"
INSTRUMENT = "redcap_repeat_instrument"
INSTANCE = "redcap_repeat_instance"
GROUP = "redcap_data_access_group"
SURVEY_IDENTIFIER = "redcap_survey_identifier"

_ARM_SUFFIX = re.compile(r"_arm_(\d+)$")
_COMMA_NUMBER = re.compile(r"-?\d*,\d+")

_Change = Callable[[str], str]


class Records(Protocol):
    """The records of a project, a row per record, event and instance: delimited text, or the project's XML."""

    @property
    def table(self) -> Table:
        """How they are described."""
        ...

    def records(self, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Streams the rows with all their values, of which those of ``columns`` are looked at. Raises SourceError with
        the row."""
        ...


@dataclass(frozen=True, slots=True)
class FormTable:
    """One form of a REDCap export."""

    table: Table
    records: Records
    own: tuple[str, ...]
    """The columns whose filling makes a row one of this form: those that are not sealed."""
    fields: Mapping[str, Field]
    """By the column that shows it."""
    forms: frozenset[str]
    """Every form of the project."""
    form: str | None
    """``None`` for the columns that stand on no form."""
    arms_are_treatments: bool

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the form's rows, of each the values of ``columns``; ``x:label`` gives the label of x's code.

        A code that the dictionary does not know (a missing-data code) is its own label; a box that is not ticked has
        none. Raises SourceError, with the row, for rows that are not in raw codes.
        """
        place = {column: i for i, column in enumerate(self.records.table.columns)}
        absent = len(place)
        listed = set(self.table.columns)
        asked = [self._reading(column) if column.removesuffix(LABEL) in listed else ("", None) for column in columns]
        pick = picker([place.get(column, absent) for column, _ in asked])
        changes = [(i, change) for i, (_, change) in enumerate(asked) if change]
        is_touched = self._touched(place)
        instrument, event = place.get(INSTRUMENT, absent), place.get(EVENT, absent)
        read = {*self.own, *(column for column, _ in asked), INSTRUMENT, EVENT}.intersection(place)
        for number, values in self.records.records(sorted(read)):
            values.append("")
            repeated = values[instrument]
            if repeated and repeated not in self.forms:
                raise self._not_raw(number, INSTRUMENT)
            if self.arms_are_treatments and values[event] and not _ARM_SUFFIX.search(values[event]):
                raise self._not_raw(number, EVENT)
            if (repeated and self.form not in (repeated, None)) or not is_touched(values):
                continue
            row = pick(values)
            if changes:
                changed = list(row)
                for i, change in changes:
                    changed[i] = change(changed[i].strip())
                row = tuple(changed)
            yield number, trimmed(row)

    def _touched(self, place: Mapping[str, int]) -> Callable[[Sequence[str]], bool]:
        """Whether anybody entered anything: the status of an untouched form is 0 or empty, and so is each of its boxes.
        On the form of the record id that identifier was entered."""
        complete, record_id = f"{self.form}_complete", self.fields.get(self.table.columns[0])
        boxes = {column for column in self.own if (field := self.fields.get(column)) and field.kind == "checkbox"}
        is_own_form = record_id is not None and record_id.form == self.form
        zeros = {complete, *boxes} if complete in self.own and not is_own_form else set()
        entered = picker([place[column] for column in self.own if column not in zeros])
        written = picker([place[column] for column in self.own if column in zeros])
        nothing = frozenset(("", "0"))
        return lambda values: any(entered(values)) or not nothing.issuperset(written(values))

    def _reading(self, column: str) -> tuple[str, _Change | None]:
        """The column of the records file that shows what was asked for, and what is done to its values."""
        name = column.removesuffix(LABEL)
        if name == ARM:
            return EVENT, _arm
        if name == EVENT:
            return EVENT, _event if self.arms_are_treatments else None
        field = self.fields.get(name)
        if column != name:
            return name, self._labels(name, field)
        return name, _decimal_point if field and field.decimal_comma else None

    def _labels(self, column: str, field: Field | None) -> _Change | None:
        if field is None:
            return (lambda code: COMPLETE_CHOICES.get(code, code)) if column == f"{self.form}_complete" else None
        if field.kind == "checkbox":
            label = field.box_label(column)
            return lambda code: _ticked(code, label)
        choices = field.choices
        return lambda code: choices.get(code, code)

    def _not_raw(self, row: int, column: str) -> SourceError:
        return SourceError(
            "holds no unique name of the project",
            file=self.table.file,
            table=self.table.name,
            row=row,
            column=column,
            hint="Export the records as raw data, not as labels, and the data dictionary of the same project.",
        )


def holds_records(columns: Sequence[str], fields: Sequence[Field]) -> bool:
    """Whether a file with these columns may hold the project's records: the record id, and a field besides."""
    return fields[0].name in columns and len(fields_by_column(columns, fields)) > 1


def forms_of(
    records: Records, fields: Sequence[Field], *, arms_are_treatments: bool, seals: Seals | None = None
) -> list[FormTable]:
    """The tables of a REDCap export: the forms in the dictionary's order, those of which the export has a column that
    ``seals`` leave open. Where arms are treatments and anything is sealed, no row's number may be shown: one arm may
    define more events than another, and of each there are rows though they hold nothing.

    With ``arms_are_treatments`` the number of the arm stands in ``redcap_arm`` alone, and ``redcap_event_name`` is
    without its ``_arm_N``. Raises SourceError for records without the record id.
    """
    seals = seals or Seals()
    file, present = records.table.file, records.table.columns
    record_id = fields[0].name
    if record_id not in present:
        raise SourceError(
            "the records lack the project's record id",
            file=file,
            column=record_id,
            hint="Export the records as raw data (not as labels), with this project's data dictionary.",
        )
    derived = {ARM} if EVENT in present else set()
    system = [column for column in (EVENT, ARM, INSTRUMENT, INSTANCE, GROUP) if column in derived.union(present)]
    shared = list(dict.fromkeys([record_id, *system]))
    shown = fields_by_column(present, fields)
    forms = list(dict.fromkeys(field.form for field in fields))
    on_form = _columns_by_form(present, forms, shown)
    # What a form seals is sealed though the dictionary, of another day than the records, puts it on none.
    of_sealed_forms = {field.name for field in fields if seals.seals_table(field.form)}
    on_form[None] = [
        column
        for column in on_form[None]
        if field_of(column) not in of_sealed_forms and not any(seals.seals_column(form, column) for form in forms)
    ]
    identifiers = {column for column, field in shown.items() if field.identifier} | {SURVEY_IDENTIFIER}

    def table(name: str, form: str | None) -> FormTable:
        of_form = [column for column in on_form[form] if column not in shared]
        own = tuple(column for column in of_form if not seals.seals_column(name, column))
        listed = (*shared, *of_form)
        described = replace(
            records.table,
            name=name,
            columns=listed,
            labels=tuple(shown[column].label if column in shown else "" for column in listed),
            identifiers=frozenset(identifiers.intersection(listed)),
            numbered=numbered,
        )
        return FormTable(described, records, own, shown, frozenset(forms), form, arms_are_treatments)

    named: list[tuple[str, str | None]] = [(form, form) for form in forms]
    named.append(("other" if "other" not in forms else "other_", None))
    on_every_form = {record_id, EVENT, ARM, INSTRUMENT, INSTANCE, GROUP}
    numbered = not (arms_are_treatments and seals) and not any(
        seals.seals_table(name) or seals.row_seals(name) or set(seals.column_patterns(name)) - on_every_form
        for name, _ in named
    )
    return [one for one in (table(name, form) for name, form in named) if one.own]


def _columns_by_form(
    present: Sequence[str], forms: Sequence[str], shown: Mapping[str, Field]
) -> dict[str | None, list[str]]:
    """The export's columns per form, in the export's order; under ``None`` those that stand on no form."""
    of_form = {f"{form}{suffix}": form for form in forms for suffix in ("_timestamp", "_complete")}
    columns: dict[str | None, list[str]] = {form: [] for form in (*forms, None)}
    for column in present:
        columns[shown[column].form if column in shown else of_form.get(column)].append(column)
    return columns


def _ticked(code: str, label: str | None) -> str:
    return {"0": "", "1": label or code}.get(code, code)


def _event(name: str) -> str:
    return _ARM_SUFFIX.sub("", name)


def _arm(name: str) -> str:
    arm = _ARM_SUFFIX.search(name)
    return arm[1] if arm else ""


def _decimal_point(value: str) -> str:
    return value.replace(",", ".") if _COMMA_NUMBER.fullmatch(value) else value

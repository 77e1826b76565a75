"""REDCap's data dictionary: which field stands on which form, what its codes mean, which fields identify a person.

Read in both of its layouts: the project's download (``Variable / Field Name``, …) and the API's metadata
(``field_name``, …).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhir_msc.errors import SourceError
from fhir_msc.sources.delimited import DelimitedTable

_HEADERS = {
    "name": ("Variable / Field Name", "field_name"),
    "form": ("Form Name", "form_name"),
    "type": ("Field Type", "field_type"),
    "label": ("Field Label", "field_label"),
    "choices": ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations"),
    "validation": ("Text Validation Type OR Show Slider Number", "text_validation_type_or_show_slider_number"),
    "identifier": ("Identifier?", "identifier"),
}
_NEEDED = ("name", "form", "type")
_CHOSEN = frozenset({"radio", "dropdown", "checkbox"})
FIXED_CHOICES: Mapping[str, Mapping[str, str]] = {
    "yesno": {"1": "Yes", "0": "No"},
    "truefalse": {"1": "True", "0": "False"},
}
"""The choices of the types that bring their own."""
COMPLETE_CHOICES: Mapping[str, str] = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
"""What a form's ``_complete`` field says."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the dictionary. ``choices`` are its labels by code; empty for a field without coded values."""

    name: str
    form: str
    kind: str
    label: str
    choices: Mapping[str, str]
    decimal_comma: bool
    identifier: bool

    def box_label(self, column: str) -> str | None:
        """The label of the choice that a checkbox column stands for; ``None`` if the dictionary has no such choice.

        REDCap writes a code into a column's name in small letters, and whatever is no letter or digit as ``_``.
        """
        box = column.removeprefix(f"{self.name}___")
        return next((label for code, label in self.choices.items() if _in_name(code) == box), None)


def fields_by_column(columns: Sequence[str], fields: Sequence[Field]) -> dict[str, Field]:
    """The field that each column of the export shows, for those that show one: a checkbox has a column per box."""
    by_name = {field.name: field for field in fields}
    shown = {}
    for column in columns:
        name, box, _ = column.partition("___")
        field = by_name.get(name if box else column) or by_name.get(column)
        if field is not None and (field.name == column) != (field.kind == "checkbox"):
            shown[column] = field
    return shown


def is_dictionary(header: Sequence[str]) -> bool:
    """Whether a file with these columns is a data dictionary."""
    return all(any(name in header for name in _HEADERS[part]) for part in _NEEDED)


def fields_of(dictionary: DelimitedTable) -> tuple[Field, ...]:
    """The fields in the dictionary's order; the first is the record id. Raises SourceError if it is none."""
    table = dictionary.table
    if not is_dictionary(table.columns):
        raise SourceError(
            "is not a REDCap data dictionary",
            file=table.file,
            hint='Download it in REDCap under "Data Dictionary"; its first column is "Variable / Field Name".',
        )
    columns = [next((name for name in names if name in table.columns), "") for names in _HEADERS.values()]
    fields: dict[str, Field] = {}
    for row, values in dictionary.rows(columns):
        name, form, kind, label, choices, validation, identifier = values
        if not name or not form or name in fields:
            raise SourceError(
                "a field without a form"
                if name and not form
                else "a field without a name, or one that stands there twice",
                file=table.file,
                row=row,
                column=columns[0],
                hint="Download the data dictionary again.",
            )
        fields[name] = Field(
            name=name,
            form=form,
            kind=kind,
            label=label,
            choices=choices_of(choices) if kind in _CHOSEN else FIXED_CHOICES.get(kind, {}),
            decimal_comma=validation.endswith("comma_decimal"),
            identifier=identifier.lower() == "y",
        )
    if not fields:
        raise SourceError("names no field", file=table.file, hint="Download the data dictionary again.")
    return tuple(fields.values())


def choices_of(text: str) -> dict[str, str]:
    """``1, one | 2, two``: codes and labels. A label may hold commas."""
    pairs = (choice.partition(",") for choice in text.split("|"))
    return {code.strip(): label.strip() for code, comma, label in pairs if comma}


def _in_name(code: str) -> str:
    return re.sub("[^a-z0-9]", "_", code.lower())

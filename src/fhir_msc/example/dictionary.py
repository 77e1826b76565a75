"""A REDCap data dictionary: what a field is, and how REDCap writes it."""

from __future__ import annotations

from dataclasses import dataclass

Choices = tuple[tuple[str, str], ...]

MISSING: Choices = (("-99", "Not done"), ("NASK", "Not asked"), ("UNK", "Unknown"))
"""The project's missing-data codes, which any field may hold in place of a value."""

SYNTHETIC = "synthetic"

HEADERS = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)
"""The header row of a data dictionary as REDCap writes it."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the data dictionary. ``kind`` is REDCap's field type, ``check`` its text validation."""

    name: str
    kind: str
    label: str
    choices: Choices = ()
    note: str = ""
    check: str = ""
    low: str = ""
    high: str = ""
    identifier: bool = False
    shown_if: str = ""
    annotation: str = ""
    formula: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it has in an export: a checkbox has one per choice."""
        if self.kind == "checkbox":
            return tuple(f"{self.name}___{code}" for code, _ in self.choices)
        return (self.name,)

    def row(self, form: str) -> tuple[str, ...]:
        """Its row in the data dictionary, in the order of ``HEADERS``."""
        choices = self.formula or " | ".join(f"{code}, {label}" for code, label in self.choices)
        described = (self.name, form, "", self.kind, self.label, choices, self.note, self.check, self.low, self.high)
        return (*described, "y" if self.identifier else "", self.shown_if, "", "", "", "", "", self.annotation)

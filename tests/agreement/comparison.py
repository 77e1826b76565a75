"""Our verdict beside the engine's: is it the same, and do the errors stand at the same element?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fhir_msc.findings import Finding
from fhir_msc.validation import refused_findings, text_findings
from fhir_msc.validation.profiles.known import Profiles
from tests.agreement.documents import Document
from tests.agreement.elements import engine_element, present
from tests.agreement.verdicts import Errors, Verdict, Verdicts


@dataclass(frozen=True, slots=True)
class Comparison:
    """A document with what both sides find wrong."""

    document: Document
    engine: Verdict
    ours: tuple[Finding, ...]

    @property
    def same(self) -> bool:
        """Whether both accept the document, or both reject it."""
        return bool(self.engine.errors) == bool(self.ours)

    @property
    def comparable(self) -> bool:
        """Whether both reject, and the engine names an element: of a text that it cannot read it names none."""
        return bool(self.ours) and any(error.location for error in self.engine.errors)

    def same_element(self) -> bool:
        """Whether an error of ours stands at an element at which the engine has one."""
        return not set(our_elements(self)).isdisjoint(engine_elements(self))

    def every_element(self) -> bool:
        """Whether an error of ours stands at every element at which the engine has one."""
        return set(our_elements(self)) >= set(engine_elements(self))


def compared(
    documents: Iterable[Document], verdicts: Verdicts, profiles: Profiles | None = None
) -> Iterator[Comparison]:
    """Each document with both verdicts; ``profiles`` are those of the packages that the engine has, too."""
    for document in documents:
        verdict = verdicts.of(document.text)
        yield Comparison(document, verdict, our_errors(document, profiles))


def our_errors(document: Document, profiles: Profiles | None = None) -> tuple[Finding, ...]:
    """What we find wrong with a document, what its authors refuse included."""
    found = text_findings(document.text, profiles) + refused_findings(document.text, document.refused, profiles)
    return tuple(one for one in found if one.is_error)


def accepted(comparisons: Iterable[Comparison]) -> list[Document]:
    """The documents in which neither side finds an error."""
    return [one.document for one in comparisons if not one.engine.errors and not one.ours]


def engine_elements(comparison: Comparison) -> list[str]:
    """Where the engine's errors stand, as far as something stands there in the document."""
    read = _read(comparison.document)
    return [engine_element(error, read) for error in comparison.engine.errors]


def our_elements(comparison: Comparison) -> list[str]:
    """Where our errors stand, in the same form."""
    read = _read(comparison.document)
    return [present(finding.path or "", read) for finding in comparison.ours]


def _read(document: Document) -> object:
    try:
        read: object = json.loads(document.text)
    except ValueError:
        return None  # what cannot be read has no elements
    return read


def said(errors: Errors) -> str:
    """The first error in one line."""
    return f"{errors[0].location}: {errors[0].message}" if errors else ""

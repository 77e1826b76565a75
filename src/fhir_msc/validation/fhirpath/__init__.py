"""FHIRPath compiled to Python: http://hl7.org/fhirpath/N1 (2.0.0) with R4's part, http://hl7.org/fhir/R4/fhirpath.html.

The door is :func:`compile_invariant`: an expression and the type that it is stated of give an :class:`Invariant`, whose
``holds(value, around)`` takes the JSON of an object of that type and never raises::

    invariant = compile_invariant("dataAbsentReason.empty() or value.empty()", "Observation")
    invariant.holds({"resourceType": "Observation", "valueString": "x"})

``type_name`` is a resource or data type, an element's path (``Observation.component``), or a primitive type.
:class:`Surroundings` carry ``%resource``, ``%rootResource`` and what ``resolve()`` may find; they are needed where
``Invariant.looks_around`` says so.

Text becomes a tree (``parser``), and the tree twice Python: source over the plain JSON for the usual forms (``source``,
with ``guards`` that pass over what an object cannot break), and closures over typed items for all of FHIRPath
(``closures``, with ``operators``, ``collections``, ``scalars`` and ``lambdas``).
"""

from __future__ import annotations

from fhir_msc.validation.fhirpath.invariant import (
    Invariant,
    by_closures,
    compile_invariant,
    mentions_surroundings,
)
from fhir_msc.validation.fhirpath.lambdas import Surroundings
from fhir_msc.validation.fhirpath.parser import is_expression
from fhir_msc.validation.fhirpath.syntax import ExpressionError

__all__ = [
    "ExpressionError",
    "Invariant",
    "Surroundings",
    "by_closures",
    "compile_invariant",
    "is_expression",
    "mentions_surroundings",
]

"""What was found, counted and written down: as text, JSON, OperationOutcome, SARIF, JUnit XML, HTML and CSV.

A run adds its findings to a :class:`Tally`, which counts all and keeps so many; what stands in it at the end is a
:class:`Report`, and every format is a function of that. Nothing here reads what is checked or knows who checks it.
"""

from __future__ import annotations

from fhir_msc.reports.baseline import read_baseline, write_baseline
from fhir_msc.reports.formats import FORMATS, rendered
from fhir_msc.reports.tally import MOST_KEPT, Cause, Found, Report, Selection, Tally

__all__ = [
    "FORMATS",
    "MOST_KEPT",
    "Cause",
    "Found",
    "Report",
    "Selection",
    "Tally",
    "read_baseline",
    "rendered",
    "write_baseline",
]

"""The formats of reports by name. Each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from fhir_msc.errors import UsageError
from fhir_msc.reports.tally import Report

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "text": "fhir_msc.reports.text",
        "json": "fhir_msc.reports.document",
        "outcome": "fhir_msc.reports.outcome",
        "sarif": "fhir_msc.reports.sarif",
        "junit": "fhir_msc.reports.junit",
        "html": "fhir_msc.reports.page",
        "csv": "fhir_msc.reports.sheet",
    }
)
"""The module of each format; its ``render`` makes the bytes."""


def rendered(report: Report, form: str, *, show_values: bool = False) -> bytes:
    """The report in a format of ``FORMATS``. The same report gives the same bytes. Raises UsageError for
    another format.

    What findings are about, as it stands in the data, is left out but with ``show_values``: it is participants' data.
    """
    if form not in FORMATS:
        raise UsageError("there is no such format of a report", hint=f"one of: {', '.join(FORMATS)}")
    made: bytes = import_module(FORMATS[form]).render(report, show_values)
    return made

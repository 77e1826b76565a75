"""Where rows come from: CSV, REDCap, SDTM. Streams of text, sealed at the door in a blind project."""

from fhir_msc.sources.opening import FORMATS, Format, OpenSource, SourceOptions, open_source
from fhir_msc.sources.sealed_source import NO_NUMBER, SealedSource
from fhir_msc.sources.seals import RowSeal, Seals
from fhir_msc.sources.table import LABEL, FileFacts, Row, Source, Table, ToldSource, field_of

__all__ = [
    "FORMATS",
    "LABEL",
    "NO_NUMBER",
    "FileFacts",
    "Format",
    "OpenSource",
    "Row",
    "RowSeal",
    "SealedSource",
    "Seals",
    "Source",
    "SourceOptions",
    "Table",
    "ToldSource",
    "field_of",
    "open_source",
]

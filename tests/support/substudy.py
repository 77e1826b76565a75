"""A small part of the real SDTM study, with the irregular cells that make findings, and one without a consent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.exports import Content, Domain, Row, read_export
from tests.unit.sources.xpt_writer import Column

CONFIG = """\
[project]
pack = "sdtm"
source = "../data"
namespace = "https://trial.test/fhir"
zone = "America/New_York"
data_cut = 2026-06-30T18:00:00-04:00

[study]
identifier = "CDISCPILOT01"
title = "A study"
masking = "double"

[targets.main]
url = "http://fhir.test/r4"
identity = "blind-study-store"
connections = 1
"""
"""Of a blind project in a folder beside the export's, ``data``."""

WITHOUT_CONSENT = "CDISC014"
SUBJECTS = ("CDISC002", "CDISC006", "CDISC008", "CDISC009", WITHOUT_CONSENT, "CDISC015")
_MOST = {"LB": 9, "VS": 8, "EC": 4, "EX": 4, "AE": 3, "SV": 4, "CM": 2, "FA": 3, "QSPH": 3}
"""Rows that are kept of each participant."""

_LEFT_OUT = ("ie", "oe", "qssl", "rs")


def small_study(folder: Path) -> dict[str, Content]:
    """Six participants, a few rows of each; rows with a date that is none, a shared key, a unit that is none."""
    export: dict[str, Content] = {}
    for name, domain in read_export(folder).items():
        assert isinstance(domain, Domain)
        if name.removesuffix(".xpt") not in _LEFT_OUT:
            export[name] = _cut(domain)
    for name, change in (("lb.xpt", _irregular_tests), ("vs.xpt", _irregular_signs), ("ds.xpt", _no_consent)):
        domain = export[name]
        assert isinstance(domain, Domain)
        export[name] = change(domain)
    return export


def _cut(domain: Domain) -> Domain:
    if "USUBJID" not in domain.names or domain.name == "RELREC":
        return domain
    kept: list[Row] = []
    counts: dict[str, int] = {}
    for row in domain.rows:
        subject = domain.text(row, "USUBJID")
        if subject not in SUBJECTS:
            continue
        counts[subject] = counts.get(subject, 0) + 1
        missed = domain.name == "EC" and domain.text(row, "ECOCCUR") == "N"
        if missed or counts[subject] <= _MOST.get(domain.name, 1000):
            kept.append(row)
    return replace(domain, rows=tuple(kept))


def _irregular_tests(domain: Domain) -> Domain:
    domain = _wider(domain, "LBDTC", 12)
    rows = list(domain.rows)
    rows[2] = domain.with_cell(rows[2], "LBDTC", b"2021-13-45")
    rows[7] = domain.with_cell(rows[7], "LBORRESU", b"furlong")
    rows[11] = domain.with_cell(rows[11], "LBORRES", b"<3.42")
    rows.append(domain.with_cell(rows[14], "LBORRES", b"99"))
    rows.append(domain.with_cell(rows[15], "USUBJID", b"NOBODY"))
    return replace(domain, rows=tuple(rows))


def _irregular_signs(domain: Domain) -> Domain:
    domain = _wider(domain, "VSDTC", 12)
    rows = list(domain.rows)
    rows[4] = domain.with_cell(rows[4], "VSDTC", b"2021-02-30")
    return replace(domain, rows=tuple(rows))


def _no_consent(domain: Domain) -> Domain:
    return domain.where(
        lambda row: (
            (domain.text(row, "USUBJID"), domain.text(row, "DSDECOD")) != (WITHOUT_CONSENT, "INFORMED CONSENT OBTAINED")
        )
    )


def _wider(domain: Domain, column: str, length: int) -> Domain:
    columns = tuple(Column(one.name, length) if one.name == column else one for one in domain.columns)
    return replace(domain, columns=columns)

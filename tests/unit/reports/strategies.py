"""Findings of any kind, and reports of them."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from fhir_msc.findings import Finding, Origin, Place, Severity
from fhir_msc.reports import Report, Selection, Tally

few = settings(max_examples=25)
"""Reports are large cases, and what may go wrong in them is found soon."""

RULES = ("MSC-MAP-001", "MSC-MAP-003", "MSC-FHIR-INVARIANT-OBS-6", "MSC-FHIR-JSON", "MSC-OWN-001")
_texts = st.text(st.characters(), max_size=12)  # halves of surrogates too
_files = st.sampled_from(["a.json", "b b/ä.ndjson", "\udcff.json", "<&'\".csv"])
_numbers = st.integers(1, 9)
places = st.builds(Place, _numbers, _numbers) | st.builds(
    Place, _numbers, _numbers, st.builds(Place, _numbers, _numbers)
)
origins = _files.flatmap(
    lambda file: st.builds(
        Origin,
        st.just(file),
        st.just(file) | st.just("LB"),
        st.none() | _numbers,
        st.lists(st.sampled_from(["LBORRES", "=cmd()", "a,b"]), max_size=2).map(tuple),
        st.none() | st.just("S1/ALB"),
    )
)
findings = st.builds(
    Finding,
    rule=st.sampled_from(RULES),
    severity=st.sampled_from(Severity),
    message=st.sampled_from(["cannot be read", 'is <wrong> & "so"', "=1+1"]),
    origins=st.lists(origins, max_size=2).map(tuple),
    path=st.none() | _texts,
    key=st.none() | st.just("k1"),
    hint=st.none() | st.just("correct it"),
    value=st.none() | _texts,
    count=st.integers(1, 3),
    place=st.none() | places,
)


def report(found: list[Finding], unreadable: tuple[str, ...] = (), most: int = 100) -> Report:
    tally = Tally(most)
    tally.resources = len(found)
    tally.add(found, Selection(most=most))
    return tally.report(unreadable=unreadable)


reports = st.builds(report, st.lists(findings, max_size=6), st.lists(_texts, max_size=2).map(tuple), st.integers(0, 6))

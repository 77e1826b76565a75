"""Observations to desired resources, many at once: they are most rows of a study.

Stage by stage the processor's caches keep each stage's code and data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from fhir_msc.desired.checked import CheckedBodies
from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Made
from fhir_msc.desired.persons import Person
from fhir_msc.desired.protocol import device_rid
from fhir_msc.desired.reports import Reports
from fhir_msc.desired.samples import Samples
from fhir_msc.findings import Origin
from fhir_msc.quick import filled
from fhir_msc.resources.context import DesignLinks, Links
from fhir_msc.resources.registry import builder_for
from fhir_msc.trial import Infusion, Key, Observation

About: TypeAlias = "Callable[[Sequence[Origin]], tuple[str, ...]]"
"""The ids of the AdverseEvents that a result of these cells is about."""

Result: TypeAlias = "tuple[Observation, Key | None, Person]"
"""A result that may leave, its key without what a site may correct, and whose it is."""

_RANK = builder_for(Observation).rank
_NO_DESIGN = DesignLinks()
_links = filled(Links)


def device_of(frame: Frame, record: Infusion | Observation) -> str | None:
    """The id of the Device that a record was made with, if the source describes it."""
    device = record.device
    return device_rid(frame.identity, device) if device and device in frame.devices else None


class Results:
    """Makes the Observations of one table, for its Specimens and DiagnosticReports, too."""

    def __init__(
        self, frame: Frame, checked: CheckedBodies, samples: Samples, reports: Reports | None, about: About | None
    ) -> None:
        self._frame = frame
        self._checked = checked
        self._samples = samples
        self._reports = reports
        self._about = about

    def make(self, results: Sequence[Result]) -> list[Made]:
        """What results become, in their order."""
        keys = [record.key[1:] for record, _, _ in results]
        rids = self._frame.identity.rids("Observation", keys)
        links = self._links(results, rids)
        bodies = self._frame.maker.make_all(Observation, [record for record, _, _ in results], links)
        made = self._checked.made("Observation", _RANK, results, keys, rids, bodies)
        reports = self._reports
        for one, (record, _, person), its in zip(made, results, links, strict=True):
            if one.desired is None:
                continue
            if its.specimen is not None:
                self._samples.add(its.specimen, person.lane, record)
            if reports is not None and record.description.report is not None:
                reports.add(its, record)
        return made

    def _links(self, results: Sequence[Result], rids: Sequence[str]) -> list[Links]:
        frame, sample_of, about = self._frame, self._samples.rid, self._about
        links: list[Links] = []
        for rid, (record, _, person) in zip(rids, results, strict=True):
            encounter = person.encounters[record.visit]
            where = encounter[0] if encounter else None
            sample = sample_of(record) if record.sample else None
            device = device_of(frame, record) if record.device else None
            events = about(record.origins) if about is not None else ()
            links.append(
                _links((rid, person.lane, person.study, where, None, None, sample, device, _NO_DESIGN, events))
            )
        return links

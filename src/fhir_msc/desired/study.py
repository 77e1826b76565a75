"""The study's own lane: terminology, organisations, people, the protocol, the study and its part at each site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

from fhir_msc.desired.bodies import BodyMaker
from fhir_msc.desired.design import StudyDesign
from fhir_msc.desired.frame import Frame, body_maker
from fhir_msc.desired.model import Account, Desired
from fhir_msc.desired.protocol import Part, protocol, site_rid, study_rid
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.trial import Site

__all__ = ["STUDY", "StudyTable", "site_rid", "study_rid"]

STUDY = "study"
"""The name of the table that stands for the project's config."""


class StudyTable:
    """A DesiredTable of what comes from the config and tables of study design, and belongs to no participant."""

    name = STUDY

    def __init__(self, frame: Frame, design: StudyDesign) -> None:
        self._frame = frame
        self._design = design
        self.account = Account(STUDY, "fhir-msc.toml")
        self._findings: list[Finding] = []

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found."""
        return self._findings

    def fingerprint(self) -> bytes:
        """The study depends on the config, on the tables of study design, and on which sites have participants."""
        return self._design.fingerprint(self.name)

    def stream(self) -> Iterator[list[Desired]]:
        """The bodies, in one batch."""
        frame = self._frame
        self._findings = []
        study = self._design.combined.study
        # What the tables say is for the study's own lane alone: no body of a participant depends on it.
        maker = body_maker(replace(frame.policy, study=study), frame.identity)
        batch = [self._body(part, maker) for part in protocol(study, self._sites(), frame.identity)]
        if frame.policy.blind and not frame.has_infusions:
            self._findings.append(_no_infusions())
        yield [one for one in batch if one is not None]

    def _sites(self) -> list[Site]:
        """The sites of the config and those that have participants, as far as the target takes them."""
        policy = self._frame.policy
        found = []
        for name in sorted({*self._frame.roster.sites(), *(site.identifier for site in policy.study.sites)}):
            if policy.sites is not None and name not in policy.sites:
                continue
            site = policy.study.site(name)
            if site is None:
                self._findings.append(_unnamed_site(name))
                site = Site(name, name=f"Site {name}")
            found.append(site)
        return found

    def _body(self, part: Part, maker: BodyMaker) -> Desired | None:
        body = maker.make(part.record, part.links)
        origins = (Origin("fhir-msc.toml", STUDY), *self._design.origins(part))
        self._findings += [replace(one, origins=origins) for one in body.findings]
        if any(one.is_error for one in body.findings):
            return None
        return Desired(
            rid=part.links.rid,
            type=part.type,
            lane="",
            rank=body.rank,
            body=body.content,
            digest=sha256(body.content).digest(),
            table=STUDY,
            origins=origins,
            refs=body.refs,
        )


def _unnamed_site(name: str) -> Finding:
    return Finding(
        rule="MSC-SITE-002",
        severity=Severity.INFORMATION,
        message=f"site {name} has participants and is not in the config: it is called by its number",
        origins=(Origin("fhir-msc.toml", STUDY),),
        hint=f'add [sites.{name}] with name = "..." and zone = "Area/City"',
    )


def _no_infusions() -> Finding:
    return Finding(
        rule="MSC-BLIND-001",
        severity=Severity.WARNING,
        message="no table of infusions comes in: no infusion leaves",
        origins=(Origin("fhir-msc.toml", STUDY),),
        hint="a blind project reads infusions where the arm is not told: in SDTM from EC, never from EX",
    )

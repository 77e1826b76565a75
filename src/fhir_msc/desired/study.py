"""The study's own lane: code systems, organisations, the study and its part at each site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Account, Desired
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.resources.code_system import own_code_systems
from fhir_msc.resources.context import Links
from fhir_msc.resources.identity import Identity
from fhir_msc.resources.organization import Sponsor
from fhir_msc.resources.research_study import SiteStudy
from fhir_msc.trial import Site

STUDY = "study"
"""The name of the table that stands for the project's config."""


def study_rid(identity: Identity, study: str, site: str | None = None) -> str:
    """The id of the ResearchStudy, or of its part at a site."""
    return identity.rid("ResearchStudy", (study, site or ""))


def site_rid(identity: Identity, site: str) -> str:
    """The id of a site's Organization."""
    return identity.rid("Organization", ("site", site))


class StudyTable:
    """A DesiredTable of what comes from the config and belongs to no participant."""

    name = STUDY

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self.account = Account(STUDY, "fhir-msc.toml")
        self._findings: list[Finding] = []

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found."""
        return self._findings

    def fingerprint(self) -> bytes:
        """The study depends on the config and on which sites have participants."""
        return self._frame.fingerprint(self.name)

    def stream(self) -> Iterator[list[Desired]]:
        """The bodies, in one batch."""
        frame = self._frame
        self._findings = []
        study, identity = frame.policy.study, frame.identity
        main = study_rid(identity, study.identifier)
        sponsor = identity.rid("Organization", ("sponsor", study.sponsor)) if study.sponsor else None
        batch = [
            self._body("CodeSystem", system, Links(identity.rid("CodeSystem", (system.name,))))
            for system in own_code_systems()
        ]
        if study.sponsor and sponsor:
            batch.append(self._body("Organization", Sponsor(study.sponsor), Links(sponsor)))
        batch.append(self._body("ResearchStudy", study, Links(main, service_provider=sponsor)))
        for name in self._sites():
            site = study.site(name)
            if site is None:
                self._findings.append(_unnamed_site(name))
                site = Site(name, name=f"Site {name}")
            organization = site_rid(identity, name)
            batch.append(self._body("Organization", site, Links(organization)))
            links = Links(study_rid(identity, study.identifier, name), study=main, service_provider=organization)
            batch.append(self._body("ResearchStudy", SiteStudy(site), links))
        if frame.policy.blind and not frame.has_infusions:
            self._findings.append(_no_infusions())
        yield [one for one in batch if one is not None]

    def _sites(self) -> list[str]:
        allowed = self._frame.policy.sites
        sites = self._frame.roster.sites()
        return sites if allowed is None else [site for site in sites if site in allowed]

    def _body(self, type: str, record: object, links: Links) -> Desired | None:
        body = self._frame.maker.make(record, links)
        origins = (Origin("fhir-msc.toml", STUDY),)
        self._findings += [
            Finding(one.rule, one.severity, one.message, origins, one.path, one.key, one.hint, one.value)
            for one in body.findings
        ]
        if any(one.is_error for one in body.findings):
            return None
        return Desired(
            rid=links.rid,
            type=type,
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

"""What of a study belongs to no participant, as parts that become a resource each, in the order of their references."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fhir_msc.resources.code_system import own_code_systems
from fhir_msc.resources.context import DesignLinks, Links
from fhir_msc.resources.group import Eligibility
from fhir_msc.resources.identity import Identity
from fhir_msc.resources.location import SiteLocation
from fhir_msc.resources.organization import Sponsor
from fhir_msc.resources.plan_definition import ArmPlan, Schedule
from fhir_msc.resources.practitioner import Responsibility
from fhir_msc.resources.research_study import SiteStudy
from fhir_msc.resources.value_set import own_value_sets
from fhir_msc.trial import Arm, Investigator, Site, Study


@dataclass(frozen=True, slots=True)
class Part:
    """What becomes one resource: its type, the record that its builder takes, its links. ``name`` tells parts of a
    type apart: the version of a Group, ``visits`` or ``arms`` of a PlanDefinition."""

    type: str
    record: object
    links: Links
    name: str = ""


def study_rid(identity: Identity, study: str, site: str | None = None) -> str:
    """The id of the ResearchStudy, or of its part at a site."""
    return identity.rid("ResearchStudy", (study, site or ""))


def site_rid(identity: Identity, site: str) -> str:
    """The id of a site's Organization."""
    return identity.rid("Organization", ("site", site))


def device_rid(identity: Identity, device: str) -> str:
    """The id of a device's Device."""
    return identity.rid("Device", (device,))


def protocol(study: Study, sites: Sequence[Site], identity: Identity) -> list[Part]:
    """The parts of a study with these sites."""
    parts = [*terminology(identity)]
    sponsor = identity.rid("Organization", ("sponsor", study.sponsor)) if study.sponsor else None
    if study.sponsor and sponsor:
        parts.append(Part("Organization", Sponsor(study.sponsor), Links(sponsor)))
    for site in sites:
        organization = site_rid(identity, site.identifier)
        parts.append(Part("Organization", site, Links(organization)))
        place = Links(_location(identity, site.identifier), service_provider=organization)
        parts.append(Part("Location", SiteLocation(site), place))
    known = frozenset(site.identifier for site in sites)
    people = [one for one in study.investigators if one.site is None or one.site in known]
    parts += _people(people, identity)
    groups = [*_eligibility(study, identity)]
    plans = [*_plans(study, identity)]
    main = study_rid(identity, study.identifier)
    leading = [one for one in people if one.site is None]
    design = DesignLinks(
        investigators=tuple(_person(one, identity) for one in leading),
        enrollment=tuple(part.links.rid for part in groups),
        protocol=tuple(part.links.rid for part in plans),
    )
    whole = replace(study, investigators=tuple(leading))
    devices = [
        Part("Device", one, Links(device_rid(identity, one.identifier)), one.identifier) for one in study.devices
    ]
    parts += [
        *groups,
        *plans,
        *devices,
        Part("ResearchStudy", whole, Links(main, service_provider=sponsor, design=design)),
    ]
    for site in sites:
        there = [_person(one, identity) for one in people if one.site == site.identifier]
        links = Links(
            study_rid(identity, study.identifier, site.identifier),
            study=main,
            design=DesignLinks(location=_location(identity, site.identifier), investigators=tuple(there)),
        )
        parts.append(Part("ResearchStudy", SiteStudy(site), links, site.identifier))
    return parts


def terminology(identity: Identity) -> Iterator[Part]:
    """The project's own codes: code systems, then value sets."""
    for system in own_code_systems():
        yield Part("CodeSystem", system, Links(identity.rid("CodeSystem", (system.name,))), system.name)
    for values in own_value_sets():
        yield Part("ValueSet", values, Links(identity.rid("ValueSet", (values.name,))), values.name)


def _location(identity: Identity, site: str) -> str:
    return identity.rid("Location", ("site", site))


def _people(people: Sequence[Investigator], identity: Identity) -> Iterator[Part]:
    """A Practitioner per name, and a role for whoever has a site or an affiliation."""
    for name in dict.fromkeys(one.name for one in people):
        yield Part("Practitioner", Investigator(name), Links(_practitioner(name, identity)), name)
    for one in dict.fromkeys(people):
        rid = _person(one, identity)
        if rid == _practitioner(one.name, identity):
            continue
        employer = site_rid(identity, one.site) if one.site else None
        location = _location(identity, one.site) if one.site else None
        design = DesignLinks(location=location, practitioner=_practitioner(one.name, identity))
        yield Part("PractitionerRole", Responsibility(one), Links(rid, service_provider=employer, design=design))


def _practitioner(name: str, identity: Identity) -> str:
    return identity.rid("Practitioner", (name,))


def _person(one: Investigator, identity: Identity) -> str:
    """The id of the resource that names the person: the role where there is one."""
    if one.site is None and one.affiliation is None:
        return _practitioner(one.name, identity)
    return identity.rid("PractitionerRole", (one.name, one.role, one.site or "", one.affiliation or ""))


def _eligibility(study: Study, identity: Identity) -> Iterator[Part]:
    """A Group per version of the protocol, in the order in which the versions came."""
    versions: list[str | None] = [*dict.fromkeys(one.version for one in study.eligibility)]
    limits = (study.minimum_age, study.maximum_age, study.sex, study.healthy_volunteers, study.eligibility_text)
    if not versions and limits != (None, None, None, None, None):
        versions = [None]
    for version in versions:
        criteria = tuple(one for one in study.eligibility if one.version == version)
        rid = identity.rid("Group", (study.identifier, version or ""))
        yield Part("Group", Eligibility(version, criteria, *limits), Links(rid), version or "")


def _devices(study: Study, identity: Identity) -> Iterator[Part]:
    for one in study.devices:
        yield Part("Device", one, Links(device_rid(identity, one.identifier)), one.identifier)


def _arms_with_steps(study: Study) -> tuple[Arm, ...]:
    """The arms that the steps name: what the config calls an arm may be another code."""
    known = {arm.code: arm for arm in study.arms}
    names = {step.arm: step.arm_name or step.arm for step in study.arm_steps}
    return tuple(known.get(code) or Arm(code, name) for code, name in names.items())


def _plans(study: Study, identity: Identity) -> Iterator[Part]:
    if study.planned_visits:
        rid = identity.rid("PlanDefinition", (study.identifier, "visits"))
        yield Part("PlanDefinition", Schedule(study.planned_visits), Links(rid), "visits")
    if study.arm_steps:
        rid = identity.rid("PlanDefinition", (study.identifier, "arms"))
        yield Part(
            "PlanDefinition", ArmPlan(_arms_with_steps(study), study.arm_steps, study.elements), Links(rid), "arms"
        )

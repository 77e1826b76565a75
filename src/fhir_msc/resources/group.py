"""Group: who may take part in the trial.

R4: http://hl7.org/fhir/R4/group.html. A group that is not actual: one characteristic per criterion, in the protocol's
words, for no code says what a criterion says; ``exclude`` tells inclusion from exclusion. What was not divided into
criteria stands whole in an extension of the project's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import present, quantity
from fhir_msc.trial import Criterion, Quantity

_GENDER = "http://hl7.org/fhir/administrative-gender"


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The eligibility criteria of one version of the protocol (``None``: the only one)."""

    version: str | None = None
    criteria: tuple[Criterion, ...] = ()
    minimum_age: Quantity | None = None
    maximum_age: Quantity | None = None
    sex: str | None = None
    healthy_volunteers: bool | None = None
    text: str | None = None


def build(record: Eligibility, links: Links, context: ResourceContext) -> Body:
    """The Group of a version's criteria."""
    characteristics = [*_limits(record), *[_characteristic(one, context) for one in record.criteria]]
    version = f", {record.version}" if record.version else ""
    return present(
        {
            "resourceType": "Group",
            "id": links.rid,
            "meta": context.meta(),
            "extension": [{"url": context.extension("eligibility-text"), "valueMarkdown": record.text}]
            if record.text
            else None,
            "identifier": [context.sync_identifier(links.rid)],
            "active": True,
            "type": "person",
            "actual": False,
            "name": f"Eligibility criteria of {context.study.identifier}{version}",
            "characteristic": characteristics or None,
        }
    )


def _characteristic(criterion: Criterion, context: ResourceContext) -> Body:
    coding = None
    if criterion.identifier:
        coding = [{"system": context.code_system(criterion.system), "code": criterion.identifier}]
    kind = "Inclusion criterion" if criterion.inclusion else "Exclusion criterion"
    return {
        "code": present({"coding": coding, "text": kind}),
        "valueCodeableConcept": {"text": criterion.text},
        "exclude": not criterion.inclusion,
    }


def _limits(record: Eligibility) -> list[Body]:
    limits: list[Body] = []
    if record.minimum_age is not None or record.maximum_age is not None:
        ages = present({"low": _age(record.minimum_age), "high": _age(record.maximum_age)})
        limits.append({"code": {"text": "Age"}, "valueRange": ages, "exclude": False})
    if record.sex is not None:
        sex: Body = {"coding": [{"system": _GENDER, "code": record.sex}]}
        limits.append({"code": {"text": "Sex"}, "valueCodeableConcept": sex, "exclude": False})
    if record.healthy_volunteers is False:
        limits.append({"code": {"text": "Healthy volunteer"}, "valueBoolean": True, "exclude": True})
    return limits


def _age(limit: Quantity | None) -> Body | None:
    return None if limit is None else quantity(limit.value, limit.unit)

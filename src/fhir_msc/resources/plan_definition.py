"""PlanDefinition: the protocol's schedule of visits, and the way of each arm through it.

R4: http://hl7.org/fhir/R4/plandefinition.html. As in HL7 Vulcan's Schedule of Activities each visit is an action that
is related to the first infusion: ``offsetDuration`` is its day, its window an extension of the project's own beside it,
for R4 has room for one of the two. Where the protocol gives words instead of days, the words stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import hl7_concept, present, quantity
from fhir_msc.trial import Arm, ArmStep, Element, PlannedVisit, Unit

_INFUSION = "first-infusion"
_ID = re.compile(r"[A-Za-z0-9\-.]{1,50}", re.ASCII)
_DAY = Unit("days", "d")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The planned visits in their order."""

    visits: tuple[PlannedVisit, ...]


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """The arms, each with its elements in their order."""

    arms: tuple[Arm, ...]
    steps: tuple[ArmStep, ...]
    elements: tuple[Element, ...] = ()


def build_schedule(record: Schedule, links: Links, context: ResourceContext) -> Body:
    """The PlanDefinition of the visits."""
    actions: list[Body] = []
    if any(visit.day is not None for visit in record.visits):
        actions.append({"id": _INFUSION, "title": "First infusion (day 0)"})
    ids = _ids("visit", [visit.number for visit in record.visits])
    actions += [_visit(visit, id, context) for visit, id in zip(record.visits, ids, strict=True)]
    return _plan("ScheduleOfVisits", "Schedule of visits", actions, links, context)


def build_arms(record: ArmPlan, links: Links, context: ResourceContext) -> Body:
    """The PlanDefinition of the arms."""
    elements = {element.code: element for element in record.elements}
    ids = _ids("arm", [arm.code for arm in record.arms])
    actions = []
    for arm, id in zip(record.arms, ids, strict=True):
        steps = [_step(step, elements.get(step.element)) for step in record.steps if step.arm == arm.code]
        actions.append(present({"id": id, "title": arm.name, "action": steps or None}))
    return _plan("TrialArms", "Elements of the arms", actions, links, context)


def _plan(name: str, title: str, actions: list[Body], links: Links, context: ResourceContext) -> Body:
    return present(
        {
            "resourceType": "PlanDefinition",
            "id": links.rid,
            "meta": context.meta(),
            "identifier": [context.sync_identifier(links.rid)],
            "name": name,
            "title": f"{title} of {context.study.identifier}",
            "type": hl7_concept("plan-definition-type", "clinical-protocol"),
            "status": "active",
            "action": actions or None,
        }
    )


def _ids(kind: str, names: Sequence[str]) -> list[str]:
    """An id for each action: its name where that is one, else its place."""
    plain = all(_ID.fullmatch(name) for name in names) and len(set(names)) == len(names)
    return [f"{kind}-{name if plain else place}" for place, name in enumerate(names, 1)]


def _visit(visit: PlannedVisit, id: str, context: ResourceContext) -> Body:
    rules = (
        f"Starts: {visit.start}" if visit.start else "",
        f"Ends: {visit.end}" if visit.end else "",
        f"Arm {visit.arm} only" if visit.arm else "",
    )
    return present(
        {
            "id": id,
            "prefix": visit.number,
            "title": visit.name or f"Visit {visit.number}",
            "description": "; ".join(filter(None, rules)) or None,
            "relatedAction": None if visit.day is None else [_offset(visit, visit.day, context)],
        }
    )


def _offset(visit: PlannedVisit, day: int, context: ResourceContext) -> Body:
    """How many days before or after the first infusion, and in which window."""
    before, after = visit.window_before, visit.window_after
    window = None
    if before is not None or after is not None:
        low, high = day - (before or 0), day + (after or 0)
        if day < 0:
            low, high = -high, -low
        limits = {"low": quantity(str(low), _DAY), "high": quantity(str(high), _DAY)}
        window = [{"url": context.extension("visit-window"), "valueRange": limits}]
    relationship = "before-start" if day < 0 else "after-start" if day else "concurrent-with-start"
    return present(
        {
            "extension": window,
            "actionId": _INFUSION,
            "relationship": relationship,
            "offsetDuration": quantity(str(abs(day)), _DAY) if day else None,
        }
    )


def _step(step: ArmStep, element: Element | None) -> Body:
    rules = (
        f"Starts: {element.start}" if element and element.start else "",
        f"Ends: {element.end}" if element and element.end else "",
        f"Takes {element.duration}" if element and element.duration else "",
        f"Then: {step.branch}" if step.branch else "",
        step.transition or "",
    )
    name = step.name or (element.name if element else None) or step.element
    return present(
        {
            "prefix": step.order,
            "title": name,
            "description": "; ".join(filter(None, rules)) or None,
            "code": [{"text": step.epoch}] if step.epoch else None,
        }
    )

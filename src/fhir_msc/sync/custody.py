"""The chain of custody as the ledger has it: which lot went into whom, read out of desired bodies and references.

Of an unblinded project alone, for a lot tells the arm. In the ledger are the units of the cell product
(BiologicallyDerivedProduct, with lot and donor) and the infusions (MedicationAdministration, with the units they refer
to, the lot of what has no unit, and the lane of their participant). What vanished from the source is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy import select

from fhir_msc.errors import UsageError
from fhir_msc.sync.edges import Edge, Node
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.tables import body, lane, reference, resource

_UNIT, _INFUSION = "BiologicallyDerivedProduct", "MedicationAdministration"


def refuse_blind(blind: bool) -> None:
    """Raises UsageError in a blind project, before anything is read."""
    if blind:
        raise UsageError(
            "a lot tells the arm: a blind project has no chain of custody",
            hint="ask the unblinded project; here `fhir-msc trace PARTICIPANT` shows what may be known",
        )


def edges_of(ledger: Ledger, namespace: str) -> list[Edge]:
    """The edges of the chain, sorted. ``namespace`` is the project's, which names our identifier systems."""
    with ledger.begin() as connection:
        rows = connection.execute(
            select(resource.c.type, resource.c.rid, lane.c.key, body.c.content)
            .join(lane, lane.c.id == resource.c.lane_id)
            .join(body, body.c.id == resource.c.desired_body)
            .where(
                resource.c.target_id == ledger.target_id,
                resource.c.type.in_((_UNIT, _INFUSION)),
                resource.c.vanished.is_(False),
            )
        )
        known = [(type, rid, patient, orjson.loads(content)) for type, rid, patient, content in rows]
        referred = connection.execute(
            select(resource.c.rid, reference.c.rid)
            .join(reference, reference.c.resource_id == resource.c.id)
            .where(resource.c.target_id == ledger.target_id, resource.c.type == _INFUSION)
        )
        refers: dict[str, set[str]] = {}
        for rid, to in referred:
            refers.setdefault(rid, set()).add(to)
    units = {rid: content for type, rid, _, content in known if type == _UNIT}
    found = {edge for rid, content in units.items() for edge in _of_unit(rid, content, namespace)}
    for type, rid, patient, content in known:
        if type == _INFUSION:
            given = units.keys() & refers.get(rid, set())
            found.update(_of_infusion(rid, patient, content, given))
    return sorted(found)


def subjects_of(ledger: Ledger, namespace: str, patients: Iterable[str]) -> dict[str, str]:
    """The subject identifiers of these participants, by the key of their Patient."""
    wanted = set(patients)
    system = f"{namespace}/id/subject"
    with ledger.begin() as connection:
        rows = connection.execute(
            select(lane.c.key, body.c.content)
            .join(resource, resource.c.lane_id == lane.c.id)
            .join(body, body.c.id == resource.c.desired_body)
            .where(resource.c.target_id == ledger.target_id, resource.c.type == "ResearchSubject")
        )
        found = {key: _identifier(orjson.loads(content), system) for key, content in rows if key in wanted}
    return {key: value for key, value in found.items() if value is not None}


def _of_unit(rid: str, content: Mapping[str, Any], namespace: str) -> Iterator[Edge]:
    unit = Node("unit", rid)
    lot = _identifier(content, f"{namespace}/id/lot")
    donor = content.get("collection", {}).get("source", {}).get("identifier", {}).get("value")
    made_of = Node("lot", lot) if lot is not None else None
    if made_of is not None:
        yield Edge(made_of, unit)
    if donor is not None:
        yield Edge(Node("donor", donor), made_of or unit)


def _of_infusion(rid: str, patient: str, content: Mapping[str, Any], units: Iterable[str]) -> Iterator[Edge]:
    infusion = Node("infusion", rid)
    given = [Node("unit", unit) for unit in units]
    if not given:
        lots = [one.get("batch", {}).get("lotNumber") for one in content.get("contained", [])]
        given = [Node("lot", lot) for lot in lots if lot is not None]
    for one in given:
        yield Edge(one, infusion)
    yield Edge(infusion, Node("participant", patient))


def _identifier(content: Mapping[str, Any], system: str) -> str | None:
    found = (one.get("value") for one in content.get("identifier", []) if one.get("system") == system)
    return next(found, None)

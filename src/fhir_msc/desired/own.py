"""The body that an integrator's own builder makes of a record: looked at for being what the engine can answer for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhir_msc.errors import FhirMscError
from fhir_msc.nesting import is_deep
from fhir_msc.resources.body import Body, references
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.own import NamedBuilder
from fhir_msc.validation.definitions import resource_types, type_named


def own_body(own: NamedBuilder, record: object, links: Links, context: ResourceContext) -> Body | None:
    """The body, or ``None`` where the builder makes none of the record.

    Raises ConfigError, with the entry point and no value, where the builder fails, or gives what cannot be kept in
    step: another type or id, no identifier to find it by, a reference to what is not there, a binary float.
    """
    if own.type not in resource_types():
        raise own.extension.refused(f"is named {own.type}, which is no resource type of R4")
    try:
        body: object = own.builder.build(record, links, context)
    except FhirMscError:
        raise
    except Exception as error:  # noqa: BLE001 - somebody else's code; its message may hold a value
        raise own.extension.refused(f"failed on a record with {type(error).__name__}") from None
    if body is None:
        return None
    if is_deep(body):
        raise own.extension.refused("gave a body that is nested without end", hint="look for a loop in it")
    if not isinstance(body, dict):
        raise own.extension.refused("gave no resource", hint="a body is a dict of JSON values, or None")
    for wrong, hint in _wrong(own.type, body, links, context):
        raise own.extension.refused(wrong, hint=hint)
    return body


def _wrong(type: str, body: Body, links: Links, context: ResourceContext) -> Iterator[tuple[str, str]]:
    if body.get("resourceType") != type:
        yield "gave a resource of another type than its name says", f'"resourceType": "{type}"'
    if body.get("id") != links.rid:
        yield "gave a resource with an id of its own", '"id": links.rid'
    if any(element.name == "identifier" for element in type_named(type).elements):
        found = body.get("identifier")
        if context.sync_identifier(links.rid) not in (found if isinstance(found, list) else [found]):
            yield "gave a resource that cannot be found again", "identifier: context.sync_identifier(links.rid)"
    if not known_ids(links).issuperset(references(body)):
        yield "refers to a resource that is not there", "refer to nothing but what links name"
    if any(isinstance(value, float) for value in _values(body)):
        yield "gave a binary float", "numbers stay as written: Decimal(text)"


def known_ids(links: Links) -> frozenset[str]:
    """The ids that a body with these links may refer to."""
    design = links.design
    alone = (*links[:-1], design.location, design.practitioner)
    listed = (*design.investigators, *design.enrollment, *design.protocol)
    return frozenset(one for one in (*alone, *listed) if isinstance(one, str))


def _values(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _values(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _values(inner)
    else:
        yield value

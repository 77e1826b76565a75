"""An integrator's own resources by entry point: one resource more for each record of a class.

The entry point's name is the resource type, one that is not built in, and it names an ``OwnBuilder``. A project has the
resource where its config asks for it: ``[project] builders = ["Flag"]``. A builder is given a record that was released
(consent, sites, blinding), and so in a blind project one without sealed fields; what it gives is checked like any body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, get_args

from fhir_msc.errors import ConfigError
from fhir_msc.extensions import Extension, extensions
from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.registry import RANKS
from fhir_msc.trial import Record

GROUP = "fhir_msc.builders"

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class OwnBuilder(Generic[R]):
    """How the records of one class become, beside what they become anyway, a resource of another type.

    ``record`` is the class: one of ``fhir_msc.Record``. ``build`` is pure: the same record, links and context give the
    same body, and nothing else is read. The body's ``id`` is ``links.rid``; it carries
    ``context.sync_identifier(links.rid)`` where the type has an identifier, refers to nothing but what ``links`` name,
    and holds numbers as ``Decimal``. ``None`` makes nothing of the record.
    """

    record: type[R]
    build: Callable[[R, Links, ResourceContext], Body | None]


@dataclass(frozen=True, slots=True)
class NamedBuilder:
    """An own builder with the type that its entry point names, its rank behind all built-in types."""

    type: str
    rank: int
    builder: OwnBuilder[object]
    extension: Extension


def own_builders(types: Sequence[str]) -> tuple[NamedBuilder, ...]:
    """The builders of these types, loaded. Raises ConfigError for what nobody installed, and for what does not load."""
    if not types:
        return ()
    known = refuse_unknown(types)
    wanted = [known[type] for type in sorted(set(types))]
    return tuple(named(extension, extension.load(), len(RANKS) + place) for place, extension in enumerate(wanted))


def refuse_unknown(types: Sequence[str]) -> Mapping[str, Extension]:
    """The builders that are installed, not loaded; none are looked for where none is named. Raises ConfigError for what
    nobody installed."""
    known = _known() if types else {}
    for type in types:
        if type not in known:
            there = f"installed are: {', '.join(known)}" if known else "none is installed"
            raise ConfigError(f"no own builder makes {type}", hint=there)
    return known


def _known() -> Mapping[str, Extension]:
    return extensions(GROUP, RANKS, ConfigError)


def named(extension: Extension, builder: object, rank: int = len(RANKS)) -> NamedBuilder:
    """The builder that an entry point names. Raises ConfigError where it is none."""
    if not isinstance(builder, OwnBuilder):
        raise extension.refused("is no OwnBuilder", hint="name an object: OwnBuilder(AdverseEvent, build)")
    if builder.record not in get_args(Record):
        names = ", ".join(sorted(one.__name__ for one in get_args(Record)))
        raise extension.refused("is for no class of records", hint=f"one of: {names}")
    return NamedBuilder(extension.name, rank, builder, extension)

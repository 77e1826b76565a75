"""A StructureDefinition as far as it constrains: http://hl7.org/fhir/R4/structuredefinition.html.

What is read is not checked: a definition that is not as R4 says is read as far as it goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fhir_msc.validation.definitions import Constraint

Json = Mapping[str, object]

SPEC = "http://hl7.org/fhir/StructureDefinition/"


@dataclass(frozen=True, slots=True)
class TypeRule:
    """A type that an element may have, with the profiles of which it meets one, and those of what it refers to."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slicing:
    """How items are told apart: ``discriminators`` are pairs of type and path; closed where no others may be."""

    discriminators: tuple[tuple[str, str], ...]
    rules: str
    ordered: bool


@dataclass(frozen=True, slots=True)
class Exactly:
    """A fixed value or, where ``pattern``, one that must be part of what stands there."""

    value: object
    pattern: bool


@dataclass(frozen=True, slots=True)
class ElementRule:
    """What a definition says of an element; ``None`` where it says nothing. ``id`` is the path with slice names."""

    id: str
    min: int | None = None
    max: str | None = None
    types: tuple[TypeRule, ...] | None = None
    exactly: Exactly | None = None
    binding: tuple[str, str] | None = None
    constraints: tuple[Constraint, ...] = ()
    must_support: bool = False
    content: str | None = None
    slicing: Slicing | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """A profile or the definition of an extension: ``type`` is what it constrains, ``base`` the URL it is built on.

    ``contexts`` are pairs of type and expression: where an extension may stand.
    """

    url: str
    version: str
    type: str
    base: str
    contexts: tuple[tuple[str, str], ...]
    elements: tuple[ElementRule, ...]
    whole: bool
    """Whether ``elements`` are a snapshot, which says it all, or the difference from the base."""

    @property
    def name(self) -> str:
        """The last part of the URL, which is short and tells profiles of one package apart."""
        return self.url.rpartition("/")[2]


def definition_of(document: Json) -> Definition | None:
    """The profile that a StructureDefinition is; ``None`` for one that defines a type of its own or says nothing."""
    url, kind, base = document.get("url"), document.get("type"), document.get("baseDefinition")
    if not (isinstance(url, str) and isinstance(kind, str) and isinstance(base, str)):
        return None
    if document.get("derivation") != "constraint":
        return None
    snapshot = _elements(document.get("snapshot"))
    version = document.get("version")
    return Definition(
        url=url,
        version=version if isinstance(version, str) else "",
        type=kind.removeprefix(SPEC),
        base=base,
        contexts=tuple((str(one.get("type")), str(one.get("expression"))) for one in _objects(document.get("context"))),
        elements=snapshot or _elements(document.get("differential")),
        whole=bool(snapshot),
    )


def _elements(part: object) -> tuple[ElementRule, ...]:
    found = part.get("element") if isinstance(part, dict) else None
    return tuple(_rule(one) for one in _objects(found))


def _rule(element: Json) -> ElementRule:
    minimum = element.get("min")
    types = element.get("type")
    binding = element.get("binding")
    content = element.get("contentReference")
    return ElementRule(
        id=_id(element),
        min=minimum if isinstance(minimum, int) else None,
        max=_text(element.get("max")),
        types=tuple(_type(one) for one in _objects(types)) if types else None,
        exactly=_exactly(element),
        binding=_binding(binding) if isinstance(binding, dict) else None,
        constraints=tuple(_constraints(element)),
        must_support=element.get("mustSupport") is True,
        content=content.rpartition("#")[2] if isinstance(content, str) else None,
        slicing=_slicing(element.get("slicing")),
    )


def _id(element: Json) -> str:
    """The id; without one, the path with the slice's name at its end."""
    found = element.get("id")
    if isinstance(found, str) and found:
        return found
    name = element.get("sliceName")
    return f"{element.get('path')}:{name}" if isinstance(name, str) else str(element.get("path"))


def _type(kind: Json) -> TypeRule:
    return TypeRule(
        code=str(kind.get("code")).removeprefix(SPEC),
        profiles=tuple(_texts(kind.get("profile"))),
        targets=tuple(_texts(kind.get("targetProfile"))),
    )


def _exactly(element: Json) -> Exactly | None:
    for name, value in element.items():
        if name.startswith("fixed"):
            return Exactly(value, pattern=False)
        if name.startswith("pattern"):
            return Exactly(value, pattern=True)
    return None


def _binding(binding: Json) -> tuple[str, str] | None:
    strength, value_set = binding.get("strength"), binding.get("valueSet")
    return (str(strength), value_set) if isinstance(value_set, str) else None


def _constraints(element: Json) -> Iterator[Constraint]:
    for one in _objects(element.get("constraint")):
        expression = one.get("expression")
        if isinstance(expression, str):
            yield Constraint(
                key=str(one.get("key")),
                text=str(one.get("human")),
                expression=expression,
                warning=one.get("severity") != "error",
            )


def _slicing(slicing: object) -> Slicing | None:
    if not isinstance(slicing, dict):
        return None
    return Slicing(
        discriminators=tuple(
            (str(one.get("type")), str(one.get("path"))) for one in _objects(slicing.get("discriminator"))
        ),
        rules=str(slicing.get("rules")),
        ordered=slicing.get("ordered") is True,
    )


def _objects(value: object) -> Iterator[Json]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            yield one


def _texts(value: object) -> Iterator[str]:
    return (one for one in value if isinstance(one, str)) if isinstance(value, list) else iter(())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None

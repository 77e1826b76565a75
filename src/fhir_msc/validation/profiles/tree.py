"""What a profile adds to R4, as a tree: made of a snapshot, or of the difference, grown on the tree of the base.

An element of which the profile says no more than its type is not in the tree: the checks of the type see to it. What a
slice says holds beside what is said of the element that is sliced; it is not repeated in the slice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from fhir_msc.validation.definitions import Constraint, Element, resource_types, type_named, type_names
from fhir_msc.validation.primitives import CHECKS
from fhir_msc.validation.profiles.definition import SPEC, ElementRule, Exactly, Slicing, TypeRule

BY_URL = Slicing((("value", "url"),), "open", ordered=False)
BY_TYPE = Slicing((("type", "$this"),), "closed", ordered=False)
"""How extensions are sliced, and choices of which one type is named in the path, where a profile does not say it."""


@dataclass(slots=True)
class Node:
    """What is said of an element, or of the slice ``slice_name`` of it; of children and slices, by name.

    ``max`` is ``None`` for any number; ``asks`` says that each item is asked something. ``kinds`` are the types that R4
    allows here, ``kind`` the one that children are looked up in: what there is only one of. Nothing changes a tree once
    it is made.
    """

    name: str
    kinds: tuple[str, ...]
    kind: str | None
    slice_name: str = ""
    min: int = 0
    max: int | None = None
    types: tuple[TypeRule, ...] | None = None
    exactly: Exactly | None = None
    binding: tuple[str, str] | None = None
    constraints: dict[str, Constraint] = field(default_factory=dict)
    must_support: bool = False
    content: str | None = None
    slicing: Slicing | None = None
    children: dict[str, Node] = field(default_factory=dict)
    slices: dict[str, Node] = field(default_factory=dict)
    asks: bool = True

    @property
    def says_something(self) -> bool:
        """Whether there is anything to check."""
        return bool(
            self.min
            or self.max is not None
            or self.types is not None
            or self.exactly
            or self.binding
            or self.constraints
            or self.must_support
            or self.content
            or self.children
            or self.slices
        )


def root_of(kind: str) -> Node:
    """The tree of a type itself, of which nothing is said."""
    return Node(kind, (kind,), kind)


def grown(base: Node, rules: Sequence[ElementRule]) -> Node:
    """The tree with what ``rules`` say: those of a difference, on the tree of its base, or of a snapshot."""
    root = _copied(base)
    for rule in rules:
        node = _at(root, rule.id)
        if node is not None:
            _say(node, rule)
    return root


def pruned(root: Node) -> Node:
    """The tree without what the types of R4 say themselves."""
    copy = _copied(root)
    _prune_children(copy)
    known = _stated(copy.kind)
    copy.constraints = {key: one for key, one in copy.constraints.items() if key not in known}
    copy.min, copy.max, copy.types = 0, None, None
    return copy


def base_element(kind: str | None, name: str) -> Element | None:
    """The element of a type, by its name as in a definition's path."""
    return None if kind is None else _elements(kind).get(name)


@cache
def _elements(kind: str) -> dict[str, Element]:
    if kind in CHECKS or kind == "xhtml":
        kind = "Element"
    if kind not in type_names():
        return {}
    return {element.name: element for element in type_named(kind).elements}


def _at(root: Node, path: str) -> Node | None:
    """The node of an id, made with those above it where they are not there; ``None`` where R4 has no such element."""
    node = root
    for segment in path.split(".")[1:]:
        name, _, slice_name = segment.partition(":")
        child = _child(node, name)
        if child is None:
            return None
        if slice_name:
            child = _slice(child, slice_name)
        node = child
    return node


def _child(node: Node, name: str) -> Node | None:
    if name in node.children:
        return node.children[name]
    for owner in _owners(node):
        element = base_element(owner, name)
        if element is not None:
            kinds = tuple(element.types.values())
            node.children[name] = Node(name, kinds, kinds[0] if len(kinds) == 1 else None)
            return node.children[name]
        choice = _choice(owner, name)
        if choice is not None:
            whole = _child(node, choice.name)
            return None if whole is None else _slice(whole, name)
    return None


def _owners(node: Node) -> Iterator[str]:
    """The types in which a child is looked up: what the rules leave, or what R4 has."""
    if node.types is not None:
        for rule in node.types:
            yield rule.code if rule.code not in ("BackboneElement", "Element") else str(node.kind)
    if node.kind is not None:
        yield node.kind


@cache
def _choice(kind: str, name: str) -> Element | None:
    """The choice of which ``name`` is the name in JSON (``valueQuantity``)."""
    for element in _elements(kind).values():
        if element.choice and name in element.json_names:
            return element
    return None


def _slice(node: Node, name: str) -> Node:
    owner = node
    for part in _reslices(name):
        if part not in owner.slices:
            kind = _kind_of_choice(node, name) if node.name.endswith("[x]") else node.kind
            owner.slices[part] = Node(node.name, (kind,) if kind else node.kinds, kind, slice_name=part)
            if owner.slicing is None:
                owner.slicing = BY_TYPE if node.name.endswith("[x]") else None
        owner = owner.slices[part]
    return owner


def _reslices(name: str) -> Iterator[str]:
    """``a/b`` is the slice of that name in the slice ``a``."""
    parts = name.split("/")
    return ("/".join(parts[: index + 1]) for index in range(len(parts)))


def _kind_of_choice(node: Node, name: str) -> str | None:
    stem = node.name.removesuffix("[x]")
    for kind in node.kinds:
        if name == f"{stem}{kind[0].upper()}{kind[1:]}":
            return kind
    return node.kind


def _say(node: Node, rule: ElementRule) -> None:
    if rule.min is not None:
        node.min = rule.min
    if rule.max is not None:
        node.max = None if rule.max == "*" else int(rule.max) if rule.max.isdigit() else None
    if rule.types is not None:
        node.types = rule.types
        codes = {one.code for one in rule.types}
        if len(codes) == 1 and (node.name.endswith("[x]") or node.kind in ("Resource", None)):
            node.kind = codes.pop()
    node.exactly = rule.exactly or node.exactly
    node.binding = rule.binding or node.binding
    node.constraints.update({one.key: one for one in rule.constraints})
    node.must_support = node.must_support or rule.must_support
    node.content = rule.content or node.content
    node.slicing = rule.slicing or node.slicing


def _copied(node: Node) -> Node:
    return replace(
        node,
        constraints=dict(node.constraints),
        children={name: _copied(child) for name, child in node.children.items()},
        slices={name: _copied(one) for name, one in node.slices.items()},
    )


def _prune_children(node: Node) -> None:
    for name, child in list(node.children.items()):
        _prune(child, base_element(node.kind, name), node.kind)
        if not child.says_something:
            del node.children[name]


def _prune(node: Node, element: Element | None, owner: str | None) -> None:
    for one in node.slices.values():
        _prune(one, element, owner)
        if one.max is not None and element is not None and not element.many and one.max >= 1:
            one.max = None  # of what stands once no slice stands twice
    if element is not None:
        if not node.slice_name:
            node.min = node.min if node.min > element.min else 0
            if node.max is not None and (str(node.max) == element.max or (element.max == "1" and node.max >= 1)):
                node.max = None
        if node.types is not None and not _narrows(node.types, element):
            node.types = None
        if node.binding is not None and node.binding[1].split("|")[0] == element.value_set:
            node.binding = None
        if node.content is not None and not node.children:
            node.content = node.content if "." in node.content else None
    known = _stated(node.kind) | _stated_of(owner, node.name)
    node.constraints = {key: one for key, one in node.constraints.items() if key not in known}
    _prune_children(node)
    node.asks = bool(
        node.types is not None or node.exactly or node.binding or node.constraints or node.children or node.content
    )


def _narrows(types: tuple[TypeRule, ...], element: Element) -> bool:
    """Whether the types are fewer than R4's, or have profiles or targets that R4's have not."""
    if any(one.code.startswith("http://hl7.org/fhirpath/") for one in types):
        return False
    codes = {one.code for one in types}
    of_base = set(element.types) if element.choice or len(element.types) > 1 else None
    if of_base is not None and not of_base <= codes:
        return True
    if element.types.keys() == {"Resource"} and codes != {"Resource"}:
        return True
    return any(_adds(one, element) for one in types)


def _adds(one: TypeRule, element: Element) -> bool:
    own = element.types.get(one.code)
    profiles = {url.split("|")[0].removeprefix(SPEC) for url in one.profiles}
    if profiles and profiles != {own}:
        return True
    if one.code != "Reference" or not one.targets:
        return False
    targets = {url.split("|")[0].removeprefix(SPEC) for url in one.targets}
    allowed = element.targets.get(one.code)
    if allowed is None:
        return targets != {"Resource"} and not resource_types() <= targets
    return not allowed <= targets


@cache
def _stated(kind: str | None) -> frozenset[str]:
    """The keys of the invariants that a type of R4 has itself; ele-1 and ext-1 are of all."""
    known = {"ele-1", "ext-1"}
    if kind is not None and kind in type_names():
        known |= type_named(kind).constraints.keys()
    return frozenset(known)


@cache
def _stated_of(owner: str | None, name: str) -> frozenset[str]:
    if owner is None or owner not in type_names():
        return frozenset()
    return frozenset(key for key, one in type_named(owner).constraints.items() if one.element == name)

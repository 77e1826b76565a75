"""Which slice an item is of, by discriminators (http://hl7.org/fhir/R4/profiling.html#discriminator), and what follows.

The first slice that an item fits is its own. An item that fits none is right where the slicing is open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fhir_msc.findings import Severity
from fhir_msc.validation.problems import Problem, under
from fhir_msc.validation.profiles.definition import Slicing
from fhir_msc.validation.profiles.items import Item, contains, equal, items_of
from fhir_msc.validation.profiles.known import NotKnown
from fhir_msc.validation.profiles.notes import unchecked
from fhir_msc.validation.profiles.tree import BY_TYPE, BY_URL, Node, base_element

if TYPE_CHECKING:
    from fhir_msc.validation.profiles.checks import Check


class Asking(NamedTuple):
    """What is asked of ``checks``: what is wrong with an item, and whether a resource meets a profile."""

    problems: Callable[[Check, Node, Item], list[Problem]]
    meets: Callable[[Check, str, Mapping[str, object], str], bool]


_STEP = re.compile(r"(\w+|\$this)(?:\(\s*(?:['\"]?([^'\")]*)['\"]?)\s*\))?(?:\.|$)")


class _Undecided(Exception):
    """Whether an item is of a slice cannot be told."""


def slice_problems(
    check: Check, node: Node, items: Sequence[Item], ask: Asking, by: Slicing | None = None
) -> list[Problem]:
    """What is wrong with the items of a sliced element: with each by its slice, and with their numbers.

    ``by`` is how the slices around are told apart, where slices of a slice do not say it themselves.
    """
    slicing = _slicing_of(node) if node.slicing is not None or by is None else by
    counts = dict.fromkeys(node.slices, 0)
    order: list[int] = []
    problems: list[Problem] = []
    undecided = False
    names = list(node.slices)
    for item in items:
        try:
            name = _slice_of(check, slicing, node.slices, item, ask)
        except _Undecided as reason:
            undecided = True
            problems += under(item.segment, [unchecked(f"which slice it is of: {reason}")])
            continue
        if name is None:
            if slicing.rules == "closed":
                problems.append(check.problem("fits no slice, and there may be no others", item.segment))
            continue
        counts[name] += 1
        order.append(names.index(name))
        one = node.slices[name]
        if one.asks:
            problems += under(item.segment, ask.problems(check, one, item))
        if one.slices:
            problems += slice_problems(check, one, [item], ask, slicing)
    problems += _numbers(check, node, counts, undecided=undecided)
    if slicing.ordered and order != sorted(order):
        problems.append(check.problem("the slices are not in the order of the profile", node.name))
    return problems


def _numbers(check: Check, node: Node, counts: Mapping[str, int], *, undecided: bool) -> Iterator[Problem]:
    for name, count in counts.items():
        one = node.slices[name]
        if count < one.min and not undecided:
            least = "is required" if one.min == 1 else f"at least {one.min}"
            yield check.problem(f"slice {name}: {least}", _place(node, one))
        if one.max is not None and count > one.max:
            most = "may not be present" if one.max == 0 else f"at most {one.max}"
            yield check.problem(f"slice {name}: {most}", _place(node, one))


def _place(node: Node, one: Node) -> str:
    """Where what lacks is looked for: of a choice that is sliced by type, under the name of that type."""
    element = node.name.removesuffix("[x]")
    if element == node.name or one.kind is None:
        return node.name
    return f"{element}{one.kind[0].upper()}{one.kind[1:]}"


def _slicing_of(node: Node) -> Slicing:
    if node.slicing is not None and node.slicing.discriminators:
        return node.slicing
    rules = node.slicing.rules if node.slicing is not None else "open"
    if node.name in ("extension", "modifierExtension"):
        return replace(BY_URL, rules=rules)
    return (
        replace(BY_TYPE, rules=rules if node.slicing is not None else BY_TYPE.rules)
        if node.name.endswith("[x]")
        else Slicing((), rules, ordered=False)
    )


def _slice_of(check: Check, slicing: Slicing, slices: Mapping[str, Node], item: Item, ask: Asking) -> str | None:
    if not slicing.discriminators:
        raise _Undecided("the profile does not say how items are told apart")
    for name, one in slices.items():
        if all(_fits(check, kind, path, one, item, ask) for kind, path in slicing.discriminators):
            return name
    return None


def _fits(check: Check, kind: str, path: str, node: Node, item: Item, ask: Asking) -> bool:
    if (kind, path) == ("value", "url") and item.kind == "Extension" and (url := url_of(node)) is not None:
        return isinstance(item.value, dict) and item.value.get("url") == url
    child = node.children.get(path)
    if (
        child is not None
        and child.exactly is not None
        and kind in ("value", "pattern")
        and isinstance(item.value, dict)
    ):
        value: object = item.value.get(path)
        if not isinstance(value, (list, tuple)):
            return (contains if child.exactly.pattern else equal)(value, child.exactly.value)
    return _Discriminator(check, kind, ask).fits(node, item, _steps(path))


def url_of(node: Node) -> str | None:
    """The URL of the extension that a slice is."""
    fixed = node.children.get("url")
    if fixed is not None and fixed.exactly is not None:
        return str(fixed.exactly.value)
    profiles = [url for one in node.types or () for url in one.profiles]
    return profiles[0].split("|")[0] if len(profiles) == 1 else None


@lru_cache(1024)
def _steps(path: str) -> tuple[tuple[str, str | None], ...]:
    """The path's steps, each with what stands in its parentheses."""
    steps: list[tuple[str, str | None]] = []
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise _Undecided(f"the discriminator {path} is not known here")
        position = step.end()
        if step[1] != "$this":
            steps.append((step[1], step[2]))
    return tuple(steps)


class _Discriminator:
    """Follows the path in the slice and in the item at once, and asks at its end."""

    def __init__(self, check: Check, kind: str, ask: Asking) -> None:
        self._check = check
        self._kind = "value" if kind == "pattern" else kind
        self._ask = ask

    def fits(self, node: Node, item: Item, steps: tuple[tuple[str, str | None], ...]) -> bool:
        if not steps:
            return self._at_end(node, item)
        (name, argument), *rest = steps
        if self._kind == "value" and node.exactly is not None:
            return (contains if node.exactly.pattern else equal)(item.value, node.exactly.value)
        if name == "resolve":
            return self._resolved(node, item, tuple(rest))
        if name == "ofType":
            return item.kind == argument and self.fits(node, item, tuple(rest))
        if name == "extension" and argument is not None:
            return self._extension(node, item, argument, tuple(rest))
        child = self._child(node, name)
        items = items_of(item.value, item.kind, child) if child is not None else self._items(item, name)
        if self._kind == "exists" and not rest:
            return self._exists(child, items)
        if child is None and node.slices:
            return any(self.fits(one, item, steps) for one in node.slices.values())
        if child is None:
            raise _Undecided(f"the slice {node.slice_name or node.name} says nothing of {name}")
        return any(self.fits(child, one, tuple(rest)) for one in items)

    def _child(self, node: Node, name: str) -> Node | None:
        found = node.children.get(name) or node.children.get(f"{name}[x]")
        if found is None:
            for url in (url for one in node.types or () for url in one.profiles):
                definition = self._check.profiles.definition(url)
                if definition is not None:
                    tree = self._check.profiles.tree(definition)
                    found = tree.children.get(name) or tree.children.get(f"{name}[x]")
        return found

    def _items(self, item: Item, name: str) -> list[Item]:
        for full in (name, f"{name}[x]"):
            element = base_element(item.kind, full)
            if element is not None:
                return items_of(item.value, item.kind, Node(full, tuple(element.types.values()), None))
        return []

    def _exists(self, child: Node | None, items: list[Item]) -> bool:
        if child is None:
            raise _Undecided("the slice does not say whether the element is there")
        if child.max == 0:
            return not items
        return bool(items) if child.min else True

    def _extension(self, node: Node, item: Item, url: str, rest: tuple[tuple[str, str | None], ...]) -> bool:
        extension = node.children.get("extension")
        slices = extension.slices.values() if extension is not None else ()
        one = next((found for found in slices if url_of(found) == url), None)
        items = [
            found
            for found in self._items(item, "extension")
            if isinstance(found.value, dict) and found.value.get("url") == url
        ]
        if self._kind == "exists" and not rest:
            return self._exists(one, items)
        if one is None:
            raise _Undecided(f"the slice says nothing of the extension {url}")
        return any(self.fits(one, found, rest) for found in items)

    def _resolved(self, node: Node, item: Item, rest: tuple[tuple[str, str | None], ...]) -> bool:
        """What a reference leads to: by the profiles of its target, if it stands in the document."""
        reference = item.value.get("reference") if isinstance(item.value, dict) else item.value
        if not isinstance(reference, str):
            return False
        target = self._check.document.target(reference, self._check.within.root)
        targets = [url for one in node.types or () for url in one.targets]
        if target is None:
            return self._by_name(reference, targets) if self._kind in ("type", "profile") and not rest else False
        kind = str(target.get("resourceType"))
        if self._kind == "type" and not rest:
            return kind in {self._check.profiles.type_of(url) for url in targets}
        if self._kind == "profile" and not rest:
            return any(self._meets(url, target, kind) for url in targets)
        for url in targets:
            definition = self._check.profiles.definition(url)
            if definition is not None:
                found = Item("", target, None, kind)
                if self.fits(self._check.profiles.tree(definition), found, rest):
                    return True
        return False

    def _by_name(self, reference: str, targets: list[str]) -> bool:
        """Of a target that is not here, the type in the reference is all there is."""
        kinds = {self._check.profiles.type_of(url) for url in targets}
        parts = reference.split("/")
        if self._kind == "type" and len(parts) > 1:
            return parts[-2] in kinds
        if len(parts) > 1 and parts[-2] not in kinds:
            return False
        raise _Undecided("what it refers to is not in this document")

    def _at_end(self, node: Node, item: Item) -> bool:
        if self._kind == "type":
            kinds = {one.code for one in node.types} if node.types is not None else {node.kind}
            return item.kind in kinds
        if self._kind == "exists":
            return True
        if self._kind == "profile":
            urls = [url for one in node.types or () for url in one.profiles]
            if not urls:
                return item.kind in {one.code for one in node.types or ()}
            return any(self._meets(url, item.value, item.kind) for url in urls)
        if not (node.exactly or node.binding or node.children or node.types):
            raise _Undecided(f"the slice {node.slice_name or node.name} has no value to tell it by")
        return _right(self._ask.problems(self._check, node, item))

    def _meets(self, url: str, value: object, kind: str) -> bool:
        """Whether a value meets a profile, or is of the type that the URL names."""
        if not isinstance(value, dict):
            return False
        try:
            return self._ask.meets(self._check, url, value, kind)
        except NotKnown as error:
            raise _Undecided(f"{error.url} is not known") from error


def _right(problems: list[Problem]) -> bool:
    return not any(one.severity is Severity.ERROR for one in problems)

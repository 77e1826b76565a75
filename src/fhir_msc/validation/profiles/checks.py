"""A resource held against the tree of a profile: cardinality, types, fixed and pattern values, bindings, invariants.

Of slices see ``slicing``. What R4 says itself is checked before, and not here; what is broken by R4 is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from fhir_msc.findings import Severity
from fhir_msc.validation.definitions import Constraint
from fhir_msc.validation.fhirpath import ExpressionError, Surroundings, compile_invariant
from fhir_msc.validation.invariants import expression_of
from fhir_msc.validation.problems import EXTENSION_DEFINITION, INVARIANT, PROFILE, Problem, Within, shown, under
from fhir_msc.validation.profiles.binding import binding_problem
from fhir_msc.validation.profiles.definition import Definition, TypeRule
from fhir_msc.validation.profiles.document import Document
from fhir_msc.validation.profiles.items import Item, contains, equal, items_of
from fhir_msc.validation.profiles.known import NotKnown, Profiles
from fhir_msc.validation.profiles.notes import not_supported, unchecked
from fhir_msc.validation.profiles.slicing import Asking, slice_problems
from fhir_msc.validation.profiles.tree import Node
from fhir_msc.validation.references import reference_problem

MAX_PROFILES = 24
"""How many profiles may lead to each other, by types and references, before it is said that no more are followed."""


@dataclass(frozen=True, slots=True)
class Check:
    """One profile that something is held against, and what is around.

    ``asked`` are the resources, by identity, and profiles that are being asked: what refers to what is asked already is
    not asked again.
    """

    profiles: Profiles
    definition: Definition
    root: Node
    within: Within
    document: Document
    asked: frozenset[tuple[int, str]] = field(default_factory=frozenset)

    @property
    def rule(self) -> str:
        """The rule of findings."""
        extension = self.definition.type == "Extension"
        return EXTENSION_DEFINITION if extension else f"{PROFILE}-{_rule_name(self.definition.name)}"

    @property
    def says(self) -> str:
        """How a message begins."""
        return f"{'extension' if self.definition.type == 'Extension' else 'profile'} {self.definition.name}"

    def problem(self, message: str, path: str = "", value: object = None, hint: str | None = None) -> Problem:
        """A finding of this profile."""
        return Problem(self.rule, f"{self.says}: {message}", path, shown(value), hint)

    def other(self, url: str, resource: object = None) -> Check | None:
        """The same for another profile; ``resource`` is what is asked, if it is one that a reference leads to.

        ``None`` where it is being asked already. Raises NotKnown.
        """
        definition = self.profiles.definition(url)
        if definition is None:
            raise NotKnown(url)
        step = (id(resource), definition.url)
        if step in self.asked or len(self.asked) > MAX_PROFILES:
            return None
        return replace(self, definition=definition, root=self.profiles.tree(definition), asked=self.asked | {step})


def profile_problems(check: Check, value: object, kind: str) -> list[Problem]:
    """What is wrong with a value by the profile: a resource, a data type, an extension."""
    return item_problems(check, check.root, Item("", value, None, kind))


def item_problems(check: Check, node: Node, item: Item) -> list[Problem]:
    """What is wrong with one item by what is said of its element, or of the slice that it is of; paths below it."""
    problems: list[Problem] = []
    if node.types is not None:
        problems += _type_problems(check, node.types, item)
    if node.exactly is not None and not (contains if node.exactly.pattern else equal)(item.value, node.exactly.value):
        what = "has the pattern" if node.exactly.pattern else "is"
        problems.append(check.problem(f"{what} {_told(node.exactly.value)}", value=item.value))
    if node.binding is not None and item.value is not None:
        problems += binding_problem(check, node.binding, item)
    for constraint in node.constraints.values():
        problems += _constraint_problems(check, constraint, item)
    if node.children:
        problems += _children_problems(check, node, item)
    if node.content is not None and not node.children:
        target = _node_at(check.root, node.content)
        if target is not None and target.children:
            problems += _children_problems(check, target, item)
    return problems


def _children_problems(check: Check, node: Node, item: Item) -> list[Problem]:
    problems: list[Problem] = []
    for child in node.children.values():
        items = items_of(item.value, item.kind, child)
        if len(items) < child.min:
            problems.append(check.problem(_least(child.min), child.name))
        if child.max is not None and len(items) > child.max:
            most = "may not be present" if child.max == 0 else f"at most {child.max}"
            place = _bare(items[child.max].segment) if child.max else items[0].segment
            problems.append(check.problem(most, place))
        if child.asks:
            for one in items:
                found = item_problems(check, child, one)
                if found:
                    problems += under(one.segment, found)
        if child.slices:
            problems += slice_problems(check, child, items, _ASKING)
        if child.must_support and not items and check.profiles.must_support:
            problems.append(not_supported(check.definition.name, f"{node.name}.{child.name}"))
    return problems


def _type_problems(check: Check, types: tuple[TypeRule, ...], item: Item) -> list[Problem]:
    fitting = [
        one for one in types if one.code in (item.kind, "Resource", "DomainResource", "Element", "BackboneElement")
    ]
    if not fitting and "." not in item.kind:
        allowed = ", ".join(sorted({one.code for one in types}))
        return [check.problem(f"may not be of type {item.kind} here", hint=f"allowed: {allowed}")]
    profiles = [url for one in fitting for url in one.profiles]
    problems: list[Problem] = []
    if profiles and item.kind == "Extension":  # which is held against its definition already, where that is known
        unknown = [url for url in profiles if check.profiles.definition(url) is None]
        problems += [_not_known(check, url) for url in unknown]
    elif profiles and isinstance(item.value, dict):
        problems += _one_of(check, profiles, item)
    targets = [url for one in fitting for url in one.targets]
    if targets and item.kind == "Reference" and isinstance(item.value, dict):
        problems += _reference_problems(check, targets, item.value)
    return problems


def _one_of(check: Check, urls: list[str], item: Item) -> list[Problem]:
    """What is wrong where an item is to meet one of several profiles: of one, all; of several, that it meets none."""
    notes: list[Problem] = []
    found: list[list[Problem]] = []
    for url in urls:
        if check.profiles.definition(url) is None and check.profiles.type_of(url) == item.kind:
            return []  # the type itself, or a profile of R4 that is one (SimpleQuantity)
        try:
            other = check.other(url, item.value)
        except NotKnown as error:
            notes.append(_not_known(check, error.url))
            continue
        if other is None:
            return []
        if other.definition.type != item.kind:
            continue
        problems = profile_problems(other, item.value, item.kind)
        if not any(one.severity is Severity.ERROR for one in problems):
            return problems
        found.append(problems)
    if notes:
        return notes
    if len(found) == 1:
        return found[0]
    names = ", ".join(url.split("|")[0].rpartition("/")[2] for url in urls)
    return [check.problem(f"meets none of the profiles {names}")]


def _not_known(check: Check, url: str) -> Problem:
    missing = check.profiles.missing()
    note = unchecked(f"{url} is not known")
    note.hint = f"packages that those given rest on: {', '.join(missing)}" if missing else None
    return note


def _reference_problems(check: Check, targets: list[str], reference: Mapping[str, object]) -> list[Problem]:
    kinds = {check.profiles.type_of(url) for url in targets}
    if None in kinds:
        unknown = [url for url in targets if check.profiles.type_of(url) is None]
        return [_not_known(check, unknown[0])]
    if "Resource" in kinds:
        return []
    allowed = frozenset(str(kind) for kind in kinds)
    text = reference.get("reference")
    problem = reference_problem(text, reference.get("type"), allowed, check.within)
    if problem is not None:
        if problem.message.startswith("may not point to"):
            return under("reference", [check.problem(problem.message, value=problem.value, hint=problem.hint)])
        return []  # R4 says so too
    target = check.document.target(text, check.within.root) if isinstance(text, str) else None
    if target is None:
        return []
    kind = str(target.get("resourceType"))
    if kind not in allowed:
        hint = f"allowed: {', '.join(sorted(allowed))}"
        return [check.problem(f"may not point to {kind} here", "reference", text, hint)]
    return _target_problems(check, targets, target, kind)


def _target_problems(check: Check, urls: list[str], target: Mapping[str, object], kind: str) -> list[Problem]:
    """Whether what a reference leads to meets one of the profiles; its own problems stand at its own place."""
    of_kind = [url for url in urls if check.profiles.type_of(url) == kind]
    try:
        if any(meets(check, url, target, kind) for url in of_kind):
            return []
    except NotKnown as error:
        return [_not_known(check, error.url)]
    names = ", ".join(url.split("|")[0].rpartition("/")[2] for url in of_kind)
    return [check.problem(f"what it refers to does not meet {names}", "reference")]


def meets(check: Check, url: str, resource: Mapping[str, object], kind: str) -> bool:
    """Whether a resource of that type meets a profile, or is of the type that the URL names. Raises NotKnown.

    Of one that is being asked, or is beyond so many steps, it is taken that it does.
    """
    if check.profiles.type_of(url) != kind:
        return False
    if check.profiles.definition(url) is None:
        return True
    key = id(resource), url
    known = check.document.meets
    if key not in known:
        other = check.other(url, resource)
        if other is None:
            return True
        known[key] = True
        inner = replace(other, within=other.within._replace(resource=resource, root=resource))
        known[key] = not any(one.severity is Severity.ERROR for one in profile_problems(inner, resource, kind))
    return known[key]


def _constraint_problems(check: Check, constraint: Constraint, item: Item) -> Iterator[Problem]:
    try:
        invariant = compile_invariant(expression_of(constraint), item.kind)
    except ExpressionError:
        yield unchecked(f"the invariant {constraint.key} of {check.definition.name} uses what is not known here")
        return
    around = Surroundings(check.within.resource, check.within.root)
    if not invariant.holds(item.value, around, item.beside):
        yield Problem(
            f"{INVARIANT}-{_rule_name(constraint.key)}",
            f"{check.says}: {constraint.text}",
            severity=Severity.WARNING if constraint.warning else Severity.ERROR,
        )


_ASKING = Asking(item_problems, meets)


def _node_at(root: Node, path: str) -> Node | None:
    node: Node | None = root
    for name in path.split(".")[1:]:
        node = node.children.get(name) if node is not None else None
    return node


def _least(least: int) -> str:
    return "is required" if least == 1 else f"at least {least}"


def _bare(segment: str) -> str:
    return segment.partition("[")[0]


def _told(value: object) -> str:
    """A fixed value in words: a code with its system, or short JSON."""
    import json

    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _rule_name(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name).upper()

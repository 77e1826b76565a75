"""The invariants of R4 as Python predicates, by key.

A predicate takes the JSON object that the invariant is stated of and says whether it holds. It meets objects of which
other parts are wrong, so it assumes no types. The text of an invariant comes from the definitions. As
in HL7's engine, a comparison that FHIRPath leaves open (``{}``: two dates of which one is less precise) does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TypeAlias

from fhir_msc.validation.primitives import is_date_time, is_number
from fhir_msc.validation.units import UCUM

Node: TypeAlias = Mapping[str, object]
Predicate: TypeAlias = Callable[[Node], bool]


# What a node has.


def has(node: Node, name: str) -> bool:
    """Whether the element is there, as a value or as an extension."""
    return name in node or f"_{name}" in node


def has_choice(node: Node, stem: str) -> bool:
    """Whether one of the elements ``stem[x]`` is there."""
    return any(name.startswith((stem, f"_{stem}")) for name in node)


def nodes(node: object, *path: str) -> Iterator[Node]:
    """The objects at ``path`` below ``node``, through arrays, in order."""
    if isinstance(node, (list, tuple)):
        for item in node:
            yield from nodes(item, *path)
    elif isinstance(node, Mapping):
        if path:
            yield from nodes(node.get(path[0]), *path[1:])
        else:
            yield node


def has_coding(node: Node, name: str, system: str, code: str) -> bool:
    """Whether a coding of the CodeableConcept ``name`` has that system and code."""
    return any(c.get("system") == system and c.get("code") == code for c in nodes(node, name, "coding"))


def descendants(node: object) -> Iterator[Node]:
    """Every object below ``node``, itself included."""
    if isinstance(node, Mapping):
        yield node
        for child in node.values():
            yield from descendants(child)
    elif isinstance(node, (list, tuple)):
        for child in node:
            yield from descendants(child)


def in_order(first: object, second: object) -> bool:
    """Whether ``first`` is surely no later than ``second``, two dateTimes; true where one is none."""
    if not (isinstance(first, str) and isinstance(second, str) and is_date_time(first) and is_date_time(second)):
        return True
    if "T" in first and "T" in second:
        return _instant(first) <= _instant(second)
    common = min(len(first), len(second), 10)
    if first[:common] == second[:common]:
        return len(first) == len(second)
    return first[:common] < second[:common]


def more(first: object, second: object) -> bool:
    """Whether the number ``first`` is greater than ``second``."""
    return is_number(first) and is_number(second) and Decimal(str(first)) > Decimal(str(second))


# What is often asked.


def _needs(name: str, *others: str) -> Predicate:
    return lambda node: not has(node, name) or all(has(node, other) for other in others)


def _any_of(*names: str) -> Predicate:
    return lambda node: any(has(node, name) for name in names)


def _not_both(first: str, second: str) -> Predicate:
    return lambda node: not (has(node, first) and has(node, second))


def _not_negative(name: str) -> Predicate:
    return lambda node: not more(0, node.get(name))


def _no_home(name: str) -> Predicate:
    return lambda node: all(part.get("use") != "home" for part in nodes(node, name))


def _dead_consent_scope(code: str) -> Predicate:
    def holds(node: Node) -> bool:
        return has(node, "patient") or not has_coding(node, "scope", "something", code)

    return holds


# One by one.


def _obs_6(node: Node) -> bool:
    return "dataAbsentReason" not in node or not has_choice(node, "value")


def _obs_7(node: Node) -> bool:
    if "component" not in node or not has_choice(node, "value"):
        return True
    own = list(nodes(node, "code", "coding"))
    return all(coding not in own for coding in nodes(node, "component", "code", "coding"))


def _per_1(node: Node) -> bool:
    return in_order(node.get("start"), node.get("end"))


def _rng_2(node: Node) -> bool:
    low, high = node.get("low"), node.get("high")
    if not (isinstance(low, Mapping) and isinstance(high, Mapping)):
        return True
    same = low.get("code", low.get("unit")) == high.get("code", high.get("unit"))
    return not (same and more(low.get("value"), high.get("value")))


def _rat_1(node: Node) -> bool:
    return has(node, "numerator") == has(node, "denominator") and (has(node, "numerator") or has(node, "extension"))


def _coded_in_ucum(node: Node) -> bool:
    return (has(node, "code") or not has(node, "value")) and node.get("system", UCUM) == UCUM


def _age_1(node: Node) -> bool:
    return _coded_in_ucum(node) and not (
        "value" in node and more(node["value"], 0) is False and is_number(node["value"])
    )


def _cnt_3(node: Node) -> bool:
    return _coded_in_ucum(node) and node.get("code", "1") == "1" and "." not in str(node.get("value", ""))


def _drt_1(node: Node) -> bool:
    return not has(node, "code") or (node.get("system") == UCUM and has(node, "value"))


def _tim_9(node: Node) -> bool:
    when = node.get("when")
    meals = ("C", "CM", "CD", "CV")
    return not has(node, "offset") or (isinstance(when, (list, tuple)) and not any(w in meals for w in when))


def _dom_3(node: Node) -> bool:
    if "contained" not in node:
        return True
    texts = {
        text
        for part in descendants(node)
        for value in part.values()
        for text in (value if isinstance(value, (list, tuple)) else (value,))
        if isinstance(text, str) and text.startswith("#")
    }
    return all(
        f"#{contained.get('id')}" in texts or any(part.get("reference") == "#" for part in descendants(contained))
        for contained in nodes(node, "contained")
    )


def _csd_1(node: Node) -> bool:
    codes = [part["code"] for part in _concepts(node) if isinstance(part.get("code"), str)]
    return len(codes) == len(set(codes))


def _concepts(node: Node) -> Iterator[Node]:
    for concept in nodes(node, "concept"):
        yield concept
        yield from _concepts(concept)


def _bdl_3(node: Node) -> bool:
    asked = node.get("type") in ("batch", "transaction", "history")
    return all(("request" in entry) == asked for entry in nodes(node, "entry"))


def _bdl_4(node: Node) -> bool:
    asked = node.get("type") in ("batch-response", "transaction-response", "history")
    return all(("response" in entry) == asked for entry in nodes(node, "entry"))


def _bdl_7(node: Node) -> bool:
    if node.get("type") == "history":
        return True
    seen = [
        (str(entry["fullUrl"]), str(next((meta.get("versionId") for meta in nodes(entry, "resource", "meta")), None)))
        for entry in nodes(node, "entry")
        if "fullUrl" in entry
    ]
    return len(seen) == len(set(seen))


def _bdl_9(node: Node) -> bool:
    identified = any(has(part, "system") and has(part, "value") for part in nodes(node, "identifier"))
    return node.get("type") != "document" or identified


def _first_is(bundle: str, resource: str) -> Predicate:
    def holds(node: Node) -> bool:
        first = next(nodes(node, "entry"), {})
        kinds = [part.get("resourceType") for part in nodes(first, "resource")]
        return node.get("type") != bundle or kinds == [resource]

    return holds


def _con_4(node: Node) -> bool:
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    ended = any(has_coding(node, "clinicalStatus", system, code) for code in ("resolved", "remission", "inactive"))
    return ended or not has_choice(node, "abatement")


def _con_5(node: Node) -> bool:
    # The invariant names a code system that does not exist; the one of the value set is what it means.
    system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return not (has(node, "clinicalStatus") and has_coding(node, "verificationStatus", system, "entered-in-error"))


def _instant(text: str) -> datetime:
    # A leap second stands for the last second of its minute, which datetime can hold.
    return datetime.fromisoformat(text[:17] + ("59" if text[17:19] == "60" else text[17:19]) + text[19:])


PREDICATES: Mapping[str, Predicate] = MappingProxyType(
    {
        "age-1": _age_1,
        "att-1": _needs("data", "contentType"),
        "bdl-1": lambda node: not has(node, "total") or node.get("type") in ("searchset", "history"),
        "bdl-2": lambda node: node.get("type") == "searchset" or not any("search" in e for e in nodes(node, "entry")),
        "bdl-3": _bdl_3,
        "bdl-4": _bdl_4,
        "bdl-5": _any_of("resource", "request", "response"),
        "bdl-7": _bdl_7,
        "bdl-8": lambda node: "/_history/" not in str(node.get("fullUrl")),
        "bdl-9": _bdl_9,
        "bdl-10": lambda node: node.get("type") != "document" or "timestamp" in node,
        "bdl-11": _first_is("document", "Composition"),
        "bdl-12": _first_is("message", "MessageHeader"),
        "cnt-3": _cnt_3,
        "con-1": _any_of("summary", "assessment"),
        "con-2": _any_of("code", "detail"),
        "con-4": _con_4,
        "con-5": _con_5,
        "cpt-2": _needs("value", "system"),
        "csd-1": _csd_1,
        "dis-1": _coded_in_ucum,
        "dom-2": lambda node: "contained" not in node or not any("contained" in c for c in nodes(node, "contained")),
        "dom-3": _dom_3,
        "dom-4": lambda node: (
            "contained" not in node
            or not any(has(m, "versionId") or has(m, "lastUpdated") for m in nodes(node, "contained", "meta"))
        ),
        "dom-5": lambda node: (
            "contained" not in node or not any("security" in m for m in nodes(node, "contained", "meta"))
        ),
        "drt-1": _drt_1,
        "exp-1": _any_of("expression", "reference"),
        "grp-1": lambda node: "member" not in node or node.get("actual") is True,
        "mad-1": lambda node: has(node, "dose") or has_choice(node, "rate"),
        "obs-3": _any_of("low", "high", "text"),
        "obs-6": _obs_6,
        "obs-7": _obs_7,
        "org-1": _any_of("identifier", "name"),
        "org-2": _no_home("address"),
        "org-3": _no_home("telecom"),
        "pat-1": _any_of("name", "telecom", "address", "organization"),
        "per-1": _per_1,
        "ppc-1": _any_of("policy", "policyRule"),
        "ppc-2": _dead_consent_scope("patient-privacy"),
        "ppc-3": _dead_consent_scope("research"),
        "ppc-4": _dead_consent_scope("adr"),
        "ppc-5": _dead_consent_scope("treatment"),
        "prr-1": _needs("orderDetail", "code"),
        "qrs-1": _not_both("answer", "item"),
        "qty-3": lambda node: "code" not in node or has(node, "system"),
        "rat-1": _rat_1,
        "rng-2": _rng_2,
        "sev-1": _not_both("name", "query"),
        "sqty-1": lambda node: not has(node, "comparator"),
        "tim-1": _needs("duration", "durationUnit"),
        "tim-2": _needs("period", "periodUnit"),
        "tim-4": _not_negative("duration"),
        "tim-5": _not_negative("period"),
        "tim-6": _needs("periodMax", "period"),
        "tim-7": _needs("durationMax", "duration"),
        "tim-8": _needs("countMax", "count"),
        "tim-9": _tim_9,
        "tim-10": _not_both("timeOfDay", "when"),
    }
)
"""Invariants by key; ``Type#key`` where two types use one key for different things."""

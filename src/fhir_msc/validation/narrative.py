"""Narrative: the XHTML of ``text.div`` (http://hl7.org/fhir/R4/narrative.html, txt-1 and txt-2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.parsers import expat

from fhir_msc.validation.objects import nodes
from fhir_msc.validation.problems import NARRATIVE, Problem

_XHTML = "http://www.w3.org/1999/xhtml"
_NAMES = (
    "a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img"
    " li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var"
)
_ATTRIBUTE_NAMES = (
    "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset"
    " cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel"
    " rev rowspan rules scope shape span src start style summary tabindex title type valign value vspace width"
)
_ELEMENTS = frozenset(f"{_XHTML} {name}" for name in _NAMES.split())
_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split()) | {"http://www.w3.org/XML/1998/namespace lang"}
_DIV = f"{_XHTML} div"
_IMAGE = f"{_XHTML} img"
_anchors = re.compile(r"\b(?:id|name)\s*=\s*[\"']([^\"']*)").findall
_local_links = re.compile(r"<(?:a|img)\s[^<>]*?\b(?:href|src)\s*=\s*[\"']#([^\"'<>]+)").findall


def has_linked_narrative(resource: Mapping[str, object]) -> bool:
    """Whether each link or image to ``#id`` leads to an element, a contained resource or an anchor of that id.

    http://hl7.org/fhir/R4/narrative.html#id.
    """
    return not any(
        _dead(resource, [div for text in nodes(resource, "text") if isinstance(div := text.get("div"), str)])
    )


def section_problems(composition: Mapping[str, object]) -> list[Problem]:
    """The same of the narratives of a Composition's sections; paths start below it."""
    found = [(path, div) for path, div in _divs(composition) if path]
    dead = _dead(composition, [div for _, div in found])
    return [
        Problem(NARRATIVE, UNLINKED, path=f"{path}.text.div")
        for (path, _), fails in zip(found, dead, strict=True)
        if fails
    ]


UNLINKED = "a link or an image of the narrative leads nowhere"


def _dead(resource: Mapping[str, object], divs: list[str]) -> list[bool]:
    """Of each narrative, whether one of its links leads nowhere."""
    wanted = [set(_local_links(div)) if "#" in div else set[str]() for div in divs]
    if not any(wanted):
        return [False] * len(divs)
    known = {*_ids(resource), *(anchor for _, div in _divs(resource) for anchor in _anchors(div))}
    return [not links <= known for links in wanted]


def _divs(node: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The narratives of a resource, its own below no path, those of a Composition's sections each below its section."""
    waiting = [("", node)]
    while waiting:
        path, one = waiting.pop(0)
        yield from ((path, div) for text in nodes(one, "text") if isinstance(div := text.get("div"), str))
        sections = one.get("section") if path or node.get("resourceType") == "Composition" else None
        for index, section in enumerate(sections if isinstance(sections, (list, tuple)) else ()):
            if isinstance(section, Mapping):
                waiting.append((f"{path}{'.' if path else ''}section[{index}]", section))


def _ids(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        own = node.get("id")
        if isinstance(own, str):
            yield own
        for child in node.values():
            yield from _ids(child)
    elif isinstance(node, (list, tuple)):
        for child in node:
            yield from _ids(child)


def narrative_problem(text: str) -> Problem | None:
    """What is wrong with a ``div``, at most one thing: its form, its elements, or that it says nothing."""
    parser = expat.ParserCreate(namespace_separator=" ")
    faults: list[str] = []
    root = says = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal root, says
        if name not in _ELEMENTS:
            faults.append("an element that is not allowed in a narrative, or not in the XHTML namespace")
        elif not root and name != _DIV:
            faults.append("a narrative is one div")
        root = True
        if attributes:
            if not attributes.keys() <= _ATTRIBUTES or any(map(_is_script, attributes.values())):
                faults.append("an attribute that is not allowed in a narrative")
            if "href" in attributes and not attributes["href"].strip():
                faults.append("a link of the narrative is empty")
        if name == _IMAGE:
            says = True

    def characters(data: str) -> None:
        nonlocal says
        if data.strip():
            says = True
            parser.CharacterDataHandler = None

    def refuse(*_: object) -> None:
        faults.append("a narrative may not have a document type or processing instructions")

    parser.StartElementHandler = start
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = refuse
    parser.ProcessingInstructionHandler = refuse
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError as error:
        return Problem(NARRATIVE, f"not well-formed XHTML: {expat.errors.messages[error.code]}")
    if not faults and not says:
        faults.append("a narrative has to say something (txt-2)")
    return Problem(NARRATIVE, faults[0]) if faults else None


def _is_script(value: str) -> bool:
    return ":" in value and value.strip().lower().startswith("javascript:")

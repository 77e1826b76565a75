"""XML as a stream of elements, read by expat in pieces. Memory does not grow with the file, nothing outside it is read.

Defused: a document type declaration is refused, so there are no entities to expand and no external ones to fetch
(https://github.com/tiran/defusedxml lists the attacks); expat follows no schema location, stylesheet or XInclude.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO
from xml.parsers import expat

from fhir_msc.sources.encoding import UTF_8, UTF_16, codec

_CHUNK = 1 << 16
_LONGEST = 1 << 22
"""Bytes of one tag, and characters of one text. Binary content does not count, for it is not kept."""
_DEEPEST = 256
_SEPARATOR = " "
_HEAD = 256
_DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")

Event = tuple[str, Mapping[str, str] | None, str]
"""Name, attributes and ``""`` where an element starts; name, ``None`` and its text where it ends. Names are
``namespace name``; the text of an element with elements inside is what stands behind the last of them."""


class XmlDamage(Exception):
    """The text is not XML that may be read. ``line`` is where, from 1."""

    def __init__(self, what: str, line: int, hint: str) -> None:
        super().__init__(what)
        self.what, self.line, self.hint = what, line, hint


@dataclass(slots=True)
class _Refused(Exception):
    what: str
    hint: str


Skip = Callable[[str, Mapping[str, str]], bool]
"""Whether an element of this name and with these attributes is passed over, with all that it holds."""


def elements(
    file: BinaryIO, encoding: str | None = None, textless: frozenset[str] = frozenset(), skips: Skip | None = None
) -> Iterator[Event]:
    """Streams the elements of the file, from where it stands. ``encoding`` overrides what the file declares.

    Of elements that are named in ``textless`` the text is dropped. Raises XmlDamage.
    """
    parser = expat.ParserCreate(codec(encoding).removesuffix("-sig") if encoding else None, _SEPARATOR)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    handlers = _Handlers(parser, textless, skips)
    fed = 0
    try:
        for chunk in iter(partial(file.read, _CHUNK), b""):
            parser.Parse(chunk)
            fed += len(chunk)
            yield from handlers.taken()
            if fed - parser.CurrentByteIndex > _LONGEST:
                raise _Refused("a tag does not end", "Export it again.")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        yield from handlers.taken()
        ends = error.code in _ENDS
        raise XmlDamage(
            "the XML is cut short" if ends else f"is not well-formed XML ({expat.ErrorString(error.code)})",
            error.lineno,
            "Export or copy it again.",
        ) from None
    except _Refused as refused:
        yield from handlers.taken()
        raise XmlDamage(refused.what, parser.CurrentLineNumber, refused.hint) from None
    yield from handlers.taken()


_ENDS = frozenset(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)


class _Handlers:
    """Keeps what expat reports of one piece of the file."""

    def __init__(self, parser: expat.XMLParserType, textless: frozenset[str], skips: Skip | None) -> None:
        self._parser = parser
        self._textless = textless
        self._skips = skips
        self._skipped = 0
        self._events: list[Event] = []
        self._text: list[str] = []
        self._length = 0
        self._depth = 0
        self._keeps = True
        self._attend()

    def _attend(self) -> None:
        self._parser.StartElementHandler = self.start
        self._parser.EndElementHandler = self.end
        self._parser.CharacterDataHandler = self.characters

    def taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _too_deep()
        self._clear()
        if self._skips is not None and self._skips(name, attributes):
            self._parser.StartElementHandler = self.start_skipped
            self._parser.EndElementHandler = self.end_skipped
            self._parser.CharacterDataHandler = None
            return
        self._keeps = name not in self._textless
        self._events.append((name, attributes, ""))

    def end(self, name: str) -> None:
        self._depth -= 1
        self._events.append((name, None, "".join(self._text)))
        self._clear()
        self._keeps = True

    def start_skipped(self, _name: str, _attributes: dict[str, str]) -> None:
        self._skipped += 1
        if self._depth + self._skipped > _DEEPEST:
            raise _too_deep()

    def end_skipped(self, _name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        else:
            self._depth -= 1
            self._attend()

    def characters(self, text: str) -> None:
        if not self._keeps:
            return
        self._length += len(text)
        if self._length > _LONGEST:
            raise _Refused("a text does not end", "Export it again.")
        self._text.append(text)

    def _clear(self) -> None:
        if self._text:
            self._text.clear()
        self._length = 0


def encoding_of(file: BinaryIO) -> str:
    """What a file says it is written in, read from its start: by its mark, its declaration, or UTF-8."""
    head = file.read(_HEAD)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return UTF_16
    declared = _DECLARED.match(head)
    return declared[1].decode().lower() if declared else UTF_8


def _too_deep() -> _Refused:
    return _Refused(f"elements stand more than {_DEEPEST} deep in each other", "This is no clinical export.")


def _refuse_doctype(*_: object) -> None:
    raise _Refused(
        "has a document type declaration, which can name other files or grow without end",
        "No export needs one: remove the lines from <!DOCTYPE to its end, or export again.",
    )

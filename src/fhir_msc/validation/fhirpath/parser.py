"""Text to syntax tree: the grammar of FHIRPath N1 (http://hl7.org/fhirpath/N1/grammar.html), by precedence.

From loose to tight: ``implies``; ``or xor``; ``and``; ``in contains``; ``= ~ != !~``; ``< <= > >=``; ``|``; ``is as``;
``+ - &``; ``* / div mod``; a sign; paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from fhir_msc.validation.fhirpath.syntax import (
    THIS,
    Call,
    ExpressionError,
    Item,
    Literal,
    Member,
    Operation,
    Sign,
    Syntax,
    TypeTest,
    Variable,
)
from fhir_msc.validation.fhirpath.values import CALENDAR_UNITS, Quantity, SystemValue, temporal

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      |(?P<date>@(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?!\d)
            |\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?))
      |(?P<number>\d+(?:\.\d+)?)
      |(?P<string>'(?:[^'\\]|\\.)*')
      |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
      |(?P<quoted>`(?:[^`\\]|\\.)*`)
      |(?P<variable>\$(?:this|index|total)\b|%(?:[A-Za-z_][A-Za-z0-9_\-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))
      |(?P<symbol><=|>=|!=|!~|[-=~<>|&+*/.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/"}
_LEVELS = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "~", "!=", "!~"),
    ("<", "<=", ">", ">="),
    ("|",),
    ("is", "as"),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
_TYPE_TESTS = len(_LEVELS) - 3
_MAX_DEPTH = 100


@lru_cache(4096)
def parse(text: str) -> Syntax:
    """The tree of an expression. Raises ExpressionError where it is none."""
    parser = _Parser(text)
    tree = parser.expression()
    if parser.kind != "end":
        raise parser.error("an operator or the end is expected")
    return tree


def is_expression(text: str) -> bool:
    """Whether a text is an expression by the grammar; one that is nested too deeply for anybody to read is none."""
    try:
        parse(text)
    except (ExpressionError, RecursionError):
        return False
    return True


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"column {at + 1}: no token of FHIRPath starts here")
        at = match.end()
        if match.lastgroup != "space":
            yield str(match.lastgroup), match[0], match.start()
    yield "end", "", at


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(character, text[1:-1])


class _Parser:
    """A place in the tokens of one text; each method reads one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._depth = 0
        self.kind, self.text, self._at = next(self._tokens)

    def error(self, why: str) -> ExpressionError:
        return ExpressionError(f"column {self._at + 1}: {why}")

    def _next(self) -> str:
        text = self.text
        self.kind, self.text, self._at = next(self._tokens)
        return text

    def _symbol(self, text: str) -> bool:
        if self.kind == "symbol" and self.text == text:
            self._next()
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._symbol(text):
            raise self.error(f"{text} is expected")

    def expression(self) -> Syntax:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self.error("nested too deeply")
        tree = self._binary(0)
        self._depth -= 1
        return tree

    def _binary(self, level: int) -> Syntax:
        if level == len(_LEVELS):
            return self._signed()
        tree = self._binary(level + 1)
        while self.kind in ("symbol", "name") and self.text in _LEVELS[level]:
            operator = self._next()
            if level == _TYPE_TESTS:
                tree = TypeTest(operator, tree, self._type_name())
            else:
                tree = Operation(operator, tree, self._binary(level + 1))
        return tree

    def _signed(self) -> Syntax:
        if self.kind == "symbol" and self.text in ("-", "+"):
            return Sign(self._next(), self._signed())
        return self._path()

    def _path(self) -> Syntax:
        tree = self._term()
        while True:
            if self._symbol("."):
                tree = self._step(tree)
            elif self._symbol("["):
                tree = Item(tree, self.expression())
                self._expect("]")
            else:
                return tree

    def _step(self, focus: Syntax | None) -> Syntax:
        if self.kind == "variable" and self.text.startswith("$") and focus is not None:
            raise self.error("a name is expected")
        quoted = self.kind == "quoted"
        if self.kind not in ("name", "quoted"):
            raise self.error("a name is expected")
        name = self._next()
        if quoted:
            name = _unescaped(name)
        if quoted or not self._symbol("("):
            return Member(focus, name)
        if name in ("is", "as", "ofType"):
            kind = self._type_name()
            self._expect(")")
            return TypeTest(name, focus or THIS, kind)
        arguments: list[Syntax] = []
        if not self._symbol(")"):
            arguments.append(self.expression())
            while self._symbol(","):
                arguments.append(self.expression())
            self._expect(")")
        return Call(focus, name, tuple(arguments))

    def _type_name(self) -> str:
        parts = []
        while True:
            if self.kind not in ("name", "quoted"):
                raise self.error("the name of a type is expected")
            quoted = self.kind == "quoted"
            text = self._next()
            parts.append(_unescaped(text) if quoted else text)
            if not self._symbol("."):
                return ".".join(parts)

    def _term(self) -> Syntax:
        if self.kind == "symbol":
            if self._symbol("("):
                tree = self.expression()
                self._expect(")")
                return tree
            if self._symbol("{"):
                self._expect("}")
                return Literal(None)
            raise self.error("a value or a path is expected")
        if self.kind == "number":
            return self._number()
        if self.kind == "string":
            return Literal(_unescaped(self._next()))
        if self.kind == "date":
            return self._date()
        if self.kind == "variable":
            name = self._next()
            return Variable(f"%{_unescaped(name[1:])}" if name[1] in "`'" else name)
        if self.kind == "name" and self.text in ("true", "false"):
            return Literal(self._next() == "true")
        if self.kind == "end":
            raise self.error("the expression ends too early")
        return self._step(None)

    def _number(self) -> Syntax:
        text = self._next()
        value: SystemValue = Decimal(text) if "." in text else int(text)
        if self.kind == "string":
            return Literal(Quantity(Decimal(text), _unescaped(self._next())))
        if self.kind == "name" and self.text in CALENDAR_UNITS:
            return Literal(Quantity(Decimal(text), self._next(), calendar=True))
        return Literal(value)

    def _date(self) -> Syntax:
        text = self.text[1:]
        value = temporal(text, "time" if text.startswith("T") else "dateTime" if "T" in text else "date")
        if value is None:
            raise self.error("no such day or time")
        self._next()
        return Literal(value)

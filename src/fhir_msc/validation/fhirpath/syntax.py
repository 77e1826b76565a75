"""The syntax tree of an expression. A focus of ``None`` is the context: what the expression or lambda is asked of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from fhir_msc.validation.fhirpath.values import SystemValue


class ExpressionError(ValueError):
    """The text is no expression that this compiler knows; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it stands in the text; ``{}`` where there is none."""

    value: SystemValue | None


@dataclass(frozen=True, slots=True)
class Member:
    """``focus.name``: the children of that name. At the start of a path it may name the type of the context instead."""

    focus: Syntax | None
    name: str


@dataclass(frozen=True, slots=True)
class Variable:
    """``$this``, ``$index``, ``$total``, or ``%name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """``focus.name(arguments)``."""

    focus: Syntax | None
    name: str
    arguments: tuple[Syntax, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """``focus[index]``."""

    focus: Syntax
    index: Syntax


@dataclass(frozen=True, slots=True)
class Operation:
    """``left operator right``."""

    operator: str
    left: Syntax
    right: Syntax


@dataclass(frozen=True, slots=True)
class Sign:
    """``-operand`` or ``+operand``."""

    operator: str
    operand: Syntax


@dataclass(frozen=True, slots=True)
class TypeTest:
    """``operand is Type`` or ``operand as Type``; the functions of these names too."""

    operator: str
    operand: Syntax
    type: str


Syntax: TypeAlias = Literal | Member | Variable | Call | Item | Operation | Sign | TypeTest
THIS = Variable("$this")

"""A syntax tree to Python source over the JSON as it stands, for the forms that R4's invariants mostly have.

A condition of FHIRPath is true, false or open. So each is written twice where it is needed: as the Python condition
that it is true and as the one that it is false; no third value is computed. What has another form is left to the
closures, part by part. It assumes well-formed documents; whoever runs it falls back on the closures on an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from fhir_msc.validation.fhirpath.closures import constant_named
from fhir_msc.validation.fhirpath.forms import (
    all_different,
    comparable,
    is_condition,
    is_count,
    is_decided,
    is_text,
    order_of_texts,
)
from fhir_msc.validation.fhirpath.items import BASE_OF_PRIMITIVE, TEMPORAL, Undecided, known_type, lineage
from fhir_msc.validation.fhirpath.scalars import pattern
from fhir_msc.validation.fhirpath.shapes import Shape, shape_of
from fhir_msc.validation.fhirpath.syntax import Call, Literal, Member, Operation, Syntax, TypeTest, Variable


class _OtherForm(Exception):
    """The closures do it."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a path leads: the loops that lead there, the variable of the object, its type, whether there are many."""

    loops: tuple[str, ...]
    variable: str
    kind: str
    many: bool


@dataclass(frozen=True, slots=True)
class _Value:
    """A primitive at the end of a path, at most one."""

    place: _Place
    name: str
    kind: str

    @property
    def present(self) -> str:
        return f"{self.name!r} in {self.place.variable}"

    @property
    def text(self) -> str:
        return f"{self.place.variable}[{self.name!r}]"

    @property
    def maybe(self) -> str:
        return f"{self.place.variable}.get({self.name!r})"


@dataclass(slots=True)
class Source:
    """Writes conditions. ``constants`` are the names that they use; ``closure`` makes what it cannot write."""

    kind: str
    resource: bool
    closure: Callable[[Syntax], object]
    constants: dict[str, object] = field(default_factory=dict)
    variables: int = 0

    def true(self, tree: Syntax) -> str:
        """The Python condition that ``tree`` is true of the object ``n`` with the surroundings ``w``."""
        return self._part(tree, self._top, True)

    @property
    def _top(self) -> _Place:
        return _Place((), "n", self.kind, many=False)

    def _constant(self, value: object) -> str:
        for name, known in self.constants.items():
            if type(known) is type(value) and known == value:
                return name
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    # Conditions.

    def _part(self, tree: Syntax, this: _Place, wanted: bool) -> str:
        try:
            return self._condition(tree, this, wanted)
        except _OtherForm:
            if this.variable != "n":
                raise
            return f"{self._constant(self.closure(tree))}(n, w) is {wanted}"

    def _condition(self, tree: Syntax, this: _Place, wanted: bool) -> str:
        match tree:
            case Literal(bool() as value):
                return str(value is wanted)
            case Operation("and" | "or" | "implies" as operator, left, right):
                first = self._part(left, this, wanted is not (operator == "implies"))
                joined = "and" if (operator == "and") is wanted else "or"
                return f"({first}) {joined} ({self._part(right, this, wanted)})"
            case Operation("xor", left, right):
                return self._same(left, right, this, not wanted)
            case Operation("=" | "!=" as operator, left, right):
                return self._equality(left, right, this, wanted is (operator == "="))
            case Operation("<" | "<=" | ">" | ">=" as operator, left, right):
                return self._order(operator, left, right, this, wanted)
            case Operation("in", left, right):
                return self._in(self._value(left, this), self._texts(right), wanted)
            case TypeTest("is", operand, kind):
                return self._is(operand, kind, this, wanted)
            case Call(focus, "not", ()) if focus is not None:
                return self._part(focus, this, not wanted)
            case Call():
                return self._call(tree, this, wanted)
            case Member():
                flag = self._value(tree, this, "boolean")
                return self._any(flag.place, f"{flag.maybe} is {wanted}")
        raise _OtherForm

    def _in(self, value: _Value, texts: tuple[str, ...], wanted: bool) -> str:
        among = self._constant(frozenset(texts))
        if wanted:
            return self._any(value.place, f"{value.maybe} in {among}")
        return self._any(value.place, f"{value.present} and {value.text} not in {among}")

    def _call(self, tree: Call, this: _Place, wanted: bool) -> str:
        match tree:
            case Call(focus, "exists" | "empty" as name, ()) if focus is not None:
                exists = self._exists(focus, this)
                return exists if wanted is (name == "exists") else f"not ({exists})"
            case Call(focus, "exists", (criterion,)) if focus is not None:
                exists = self._exists(Call(focus, "where", (criterion,)), this)
                return exists if wanted else f"not ({exists})"
            case Call(focus, "all", (criterion,)) if focus is not None:
                place = self._place(focus, this)
                if not place.loops:
                    raise _OtherForm
                every = f"all({self._condition(criterion, self._alone(place), True)} {' '.join(place.loops)})"
                return every if wanted else f"not {every}"
            case Call(focus, "hasValue", ()) if focus is not None:
                value = self._value(focus, this)
                has = self._any(value.place, value.present)
                return has if wanted else f"not ({has})"
            case Call(focus, "isDistinct", ()) if focus is not None:
                value = self._value(focus, this, "text", many=True)
                texts = f"[{value.text} {' '.join(value.place.loops)} if {value.present}]"
                return f"{self._constant(all_different)}({texts}) is {wanted}"
            case Call(focus, "startsWith" | "endsWith" | "contains" | "matches" as name, (Literal(str() as text),)):
                value = self._value(focus, this, "text")
                try:
                    search = self._constant(pattern(text).search) if name == "matches" else ""
                except Undecided as error:
                    raise _OtherForm from error
                test = {
                    "startsWith": f"{value.text}.startswith({text!r})",
                    "endsWith": f"{value.text}.endswith({text!r})",
                    "contains": f"{text!r} in {value.text}",
                    "matches": f"{search}({value.text}) is not None",
                }[name]
                return self._any(value.place, f"{value.present} and {'' if wanted else 'not '}({test})")
        raise _OtherForm

    def _same(self, left: Syntax, right: Syntax, this: _Place, wanted: bool) -> str:
        """Whether two conditions are both true or both false; one that is open is neither."""
        first, second = (self._condition(side, this, True) for side in (left, right))
        if is_decided(left) and is_decided(right):
            return f"bool({first}) {'is' if wanted else 'is not'} bool({second})"
        other, last = (self._condition(side, this, False) for side in (left, right))
        if not wanted:
            second, last = last, second
        return f"(({first}) and ({second})) or (({other}) and ({last}))"

    def _equality(self, left: Syntax, right: Syntax, this: _Place, wanted: bool) -> str:
        if is_condition(left) and is_condition(right):
            return self._same(left, right, this, wanted)
        if is_count(left) and is_count(right):
            return f"{self._count(left, this)} {'==' if wanted else '!='} {self._count(right, this)}"
        literal = self._literal(right)
        value = self._value(left, this)
        if not comparable(literal, value.kind):
            raise _OtherForm
        if isinstance(literal, bool):
            return self._any(value.place, f"{value.maybe} is {literal is wanted}")
        shown = repr(literal) if isinstance(literal, (str, int)) else self._constant(literal)
        if wanted:
            return self._any(value.place, f"{value.maybe} == {shown}")
        return self._any(value.place, f"{value.present} and {value.text} != {shown}")

    def _order(self, operator: str, left: Syntax, right: Syntax, this: _Place, wanted: bool) -> str:
        if is_count(left) and is_count(right):
            test = f"{self._count(left, this)} {operator} {self._count(right, this)}"
            return test if wanted else f"not ({test})"
        value = self._value(left, this)
        if isinstance(right, Literal):
            literal = self._literal(right)
            if isinstance(literal, (bool, str)) or not comparable(literal, value.kind):
                raise _OtherForm
            shown = repr(literal) if isinstance(literal, int) else self._constant(literal)
            return self._any(
                value.place, f"{value.present} and {'' if wanted else 'not '}({value.text} {operator} {shown})"
            )
        other = self._value(right, this)
        if value.place.loops or other.place.loops or not {value.kind, other.kind} <= TEMPORAL - {"time"}:
            raise _OtherForm
        orders = [order for order in (-1, 0, 1) if _ORDERS[operator](order) is wanted]
        return f"{self._constant(order_of_texts)}({value.maybe}, {other.maybe}) in {tuple(orders)}"

    def _is(self, operand: Syntax, kind: str, this: _Place, wanted: bool) -> str:
        if not isinstance(operand, Member) or not known_type(kind):
            raise _OtherForm
        place = self._place(operand.focus, this)
        shape = shape_of(place.kind, operand.name)
        if shape is None or shape.many or place.many or len(shape.names) == 1:
            raise _OtherForm
        short = kind.rpartition(".")[2]
        among = tuple((name, of) for name, of in shape.names if (short in lineage(of)) is wanted)
        return self._any(place, self._has(replace(shape, names=among), place.variable)) if among else "False"

    # Paths.

    def _place(self, tree: Syntax | None, this: _Place) -> _Place:
        match tree:
            case None | Variable("$this"):
                return this
            case Variable("%resource") if self.resource:
                return self._top
            case Member(None, name) if name == this.kind and this.variable == "n":
                return this
            case Member(focus, name):
                place = self._place(focus, this)
                shape = shape_of(place.kind, name)
                if shape is None or shape.kind is None or shape.kind in BASE_OF_PRIMITIVE:
                    raise _OtherForm
                return self._step(place, name, shape)
            case Call(focus, "where", (criterion,)) if focus is not None:
                place = self._place(focus, this)
                if not place.loops:
                    raise _OtherForm
                condition = self._condition(criterion, self._alone(place), True)
                return replace(place, loops=(*place.loops, f"if {condition}"))
            case Call(focus, "select", (projection,)) if focus is not None:
                place = self._place(focus, this)
                inner = self._place(projection, self._alone(place))
                return replace(inner, loops=(*place.loops, *inner.loops), many=place.many or inner.many)
            case Call(focus, "trace", _) if focus is not None:
                return self._place(focus, this)
        raise _OtherForm

    def _step(self, place: _Place, name: str, shape: Shape) -> _Place:
        self.variables += 1
        variable = f"v{self.variables}"
        key = shape.names[0][0]
        if shape.many:
            loop = f"for {variable} in {place.variable}.get({key!r}, ())"
        else:
            loop = f"for {variable} in (({place.variable}[{key!r}],) if {key!r} in {place.variable} else ())"
        return _Place((*place.loops, loop), variable, str(shape.kind), place.many or shape.many)

    def _alone(self, place: _Place) -> _Place:
        """The object of a place as the context of a lambda: the loops are written around it."""
        return replace(place, loops=(), many=False)

    def _last(self, tree: Syntax | None, this: _Place) -> tuple[_Place, Shape]:
        """The object whose element the path ends in, and that element."""
        match tree:
            case Member(focus, name):
                place = self._place(focus, this)
                shape = shape_of(place.kind, name)
                if shape is not None:
                    return place, shape
            case Call(focus, "select", (projection,)) if focus is not None:
                outer = self._place(focus, this)
                place, shape = self._last(projection, self._alone(outer))
                return replace(place, loops=(*outer.loops, *place.loops), many=outer.many or place.many), shape
            case Call(focus, "trace", _) if focus is not None:
                return self._last(focus, this)
        raise _OtherForm

    def _value(self, tree: Syntax | None, this: _Place, kind: str | None = None, *, many: bool = False) -> _Value:
        place, shape = self._last(tree, this)
        if shape.kind not in BASE_OF_PRIMITIVE or shape.many or (place.many and not many):
            raise _OtherForm
        found = str(shape.kind)
        if kind is not None and kind != (found if found == "boolean" else "text" if is_text(found) else ""):
            raise _OtherForm
        return _Value(place, shape.names[0][0], found)

    def _exists(self, tree: Syntax, this: _Place) -> str:
        try:
            place, shape = self._last(tree, this)
        except _OtherForm:
            place = self._place(tree, this)
            if not place.loops:
                raise
            return self._any(place, "True")
        return self._any(place, self._has(shape, place.variable))

    def _has(self, shape: Shape, variable: str) -> str:
        if len(shape.keys) > 2:
            return f"not {self._constant(frozenset(shape.keys))}.isdisjoint({variable})"
        has = " or ".join(f"{key!r} in {variable}" for key in shape.keys)
        return f"({has})" if len(shape.keys) > 1 else has

    def _any(self, place: _Place, condition: str) -> str:
        return f"any({condition} {' '.join(place.loops)})" if place.loops else condition

    def _count(self, tree: Syntax, this: _Place) -> str:
        match tree:
            case Literal(int() as value):
                return str(value)
            case Operation("+", left, right):
                return f"({self._count(left, this)} + {self._count(right, this)})"
            case Call(focus, "count", ()):
                place, shape = self._last(focus, this)
                if shape.many:
                    key = shape.names[0][0]
                    count = f"len({place.variable}.get({key!r}, {place.variable}.get('_{key}', ())))"
                else:
                    count = f"({self._has(shape, place.variable)})"
                return f"sum({count} {' '.join(place.loops)})" if place.loops else count
        raise _OtherForm

    def _literal(self, tree: Syntax) -> str | int | Decimal | bool:
        match tree:
            case Literal(bool() | str() | int() | Decimal() as value):
                return value
            case Variable(name) if (constant := constant_named(name)) is not None:
                return constant
        raise _OtherForm

    def _texts(self, tree: Syntax) -> tuple[str, ...]:
        match tree:
            case Literal(str() as value):
                return (value,)
            case Operation("|", left, right):
                return (*self._texts(left), *self._texts(right))
        raise _OtherForm


_ORDERS: Mapping[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}

"""What was found of a value is found of it again: codes, subjects and units repeat through a file by the thousand.

Remembered is the verdict on a data type's value at one place of the definitions, by the value's JSON text: that it is
clean, or what was noted of it. What is wrong is looked at anew, and so is what may lead to a resource beside it, where
there is one.
"""

from __future__ import annotations

from collections.abc import Iterable

from orjson import dumps

from fhir_msc.validation.companions import Check
from fhir_msc.validation.problems import NOTED_EXTENSION, Problem, Within

LONGEST = 512
"""The longest text that is remembered, in bytes. Of what is clean it holds less than 20 extensions in each other."""

DEEPEST = 32
"""How deep an element may stand in others of its type for its value to be remembered: with what LONGEST bytes hold,
the limit of ``structure`` is not reached."""

_ROOM = 16 * 1024 * 1024
_OF_AN_ENTRY = 150  # bytes that an entry takes beside its text

_TRIED = 256
"""How many values of a place are kept before it is asked whether they repeat."""

Notes = tuple[Problem, ...]


class Verdicts(dict[bytes, Notes]):
    """What was found at one place, by the text of the value.

    ``again`` counts the values that were known. ``worth`` says whether it is worth while to ask: values that hardly
    ever repeat, like identifiers, are not kept.
    """

    __slots__ = ("again", "worth")

    def __init__(self) -> None:
        super().__init__()
        self.again = 0
        self.worth = True

    def keep(self, text: bytes, notes: Notes) -> None:
        """Keeps what was found of a value, unless no value was met again for too long."""
        self[text] = notes
        if not len(self) % _TRIED:
            self.worth = 2 * self.again > _TRIED
            self.again = 0
            if not self.worth:
                self.clear()


class Memory(dict[Check, Verdicts]):
    """Verdicts by check and text, no more than 16 MiB of them: a full memory begins anew."""

    __slots__ = ("_room",)

    def __init__(self) -> None:
        super().__init__()
        self._room = _ROOM

    def __missing__(self, check: Check) -> Verdicts:
        verdicts = self[check] = Verdicts()
        return verdicts

    def keep(self, check: Check, text: bytes, notes: Notes) -> None:
        """Remembers what a check found."""
        self._room -= len(text) + _OF_AN_ENTRY
        if self._room < 0:
            self.clear()
            self._room = _ROOM
        self[check].keep(text, notes)


def remembering(check: Check) -> Check:
    """The same check, which asks the memory around first; of values as orjson reads them."""

    def remembered(value: object, within: Within) -> list[Problem] | None:
        memory = within.memory
        if memory is None:
            return check(value, within)
        verdicts = memory[check]
        if not verdicts.worth:
            return check(value, within)
        text = dumps(value)
        if len(text) > LONGEST or (b'"reference"' in text and not within.alone):
            return check(value, within)
        notes = verdicts.get(text)
        if notes is not None:
            verdicts.again += 1
            return _again(notes) if notes else None
        found = check(value, within)
        if found is None or all(one.rule == NOTED_EXTENSION for one in found):
            memory.keep(check, text, () if found is None else tuple(_again(found)))
        return found

    return remembered


def _again(notes: Iterable[Problem]) -> list[Problem]:
    """The notes as they are found anew: each gets a path of its own on its way up."""
    return [Problem(note.rule, note.message, note.path, note.value) for note in notes]

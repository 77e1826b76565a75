"""What an integrator's own distributions add to the built-in tables, by entry point (``importlib.metadata``).

Source: the entry points specification, https://packaging.python.org/specifications/entry-points. The groups are
``fhir_msc.transforms``, ``fhir_msc.sources`` and ``fhir_msc.builders``. Nothing is loaded before a pack or a config
names it: what is installed and not named costs nothing, and does nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from fhir_msc.errors import UsageError


@dataclass(frozen=True, slots=True)
class Extension:
    """An entry point of one of the groups, not yet loaded; ``error`` is what it is refused by."""

    entry: EntryPoint
    error: type[UsageError]

    @property
    def name(self) -> str:
        """The name that packs and configs use."""
        return self.entry.name

    @property
    def identity(self) -> str:
        """Which code it is: name, place and the distribution with its version. It goes into fingerprints."""
        dist = self.entry.dist
        of = f"{dist.name} {dist.version}" if dist is not None else ""
        return f"{self.entry.group} {self.entry.name} = {self.entry.value} {of}"

    def load(self) -> object:
        """The object that it names. Raises the group's error, whatever goes wrong while it is imported."""
        try:
            found: object = self.entry.load()
        except Exception as error:
            raise self.refused(f"does not load: {type(error).__name__}: {error}") from error
        return found

    def refused(self, why: str, hint: str | None = None) -> UsageError:
        """The error that says what is wrong with it, to raise."""
        return self.error(f"{described(self.entry)} {why}", hint=hint)


def extensions(group: str, built_in: Collection[str], error: type[UsageError]) -> Mapping[str, Extension]:
    """The entry points of a group, by name.

    Raises ``error`` where one has the name of something built in, or of another one: it would depend on what is
    installed what the name means.
    """
    found: dict[str, Extension] = {}
    for entry in sorted(entry_points(group=group), key=lambda one: (one.name, one.value)):
        if entry.name in built_in:
            raise error(f"{described(entry)} has the name of what is built in", hint="give it another name")
        if entry.name in found:
            raise error(
                f"{described(entry)} has the name of {described(found[entry.name].entry)}",
                hint="uninstall one of their distributions, or rename one of them",
            )
        found[entry.name] = Extension(entry, error)
    return found


def described(entry: EntryPoint) -> str:
    """How messages name an entry point."""
    of = f" of {entry.dist.name}" if entry.dist is not None else ""
    return f"entry point {entry.name} = {entry.value} in {entry.group}{of}"

"""The profiles and value sets that are known: those of R4 itself, and those of the packages that were given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import cast

import orjson

from fhir_msc.errors import SourceError, UsageError
from fhir_msc.paths import AnyPath, each_path
from fhir_msc.validation.definitions import codes_of, resource_types, type_names
from fhir_msc.validation.profiles.archive import Archive, read_archive
from fhir_msc.validation.profiles.definition import SPEC, Definition, Json, definition_of
from fhir_msc.validation.profiles.tree import Node, grown, pruned, root_of
from fhir_msc.validation.profiles.valuesets import Codes, expanded

R4 = "hl7.fhir.r4.core"
"""The package of R4 itself, on which all others rest."""


class NotKnown(Exception):
    """A definition rests on one that is not known; ``url`` is that one."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


class Profiles:
    """What resources are held against: the profiles of R4, those of ``packages``, and of those what the caller chose.

    ``claimed`` are URLs of profiles that every resource of their type is held against, whether it claims them or not.
    With ``must_support`` it is told which elements a profile marks so and resources lack. Made by
    :func:`read_profiles`. It goes to another process as the names of its files, which are read once there.
    """

    def __init__(
        self,
        archives: Sequence[Archive] = (),
        claimed: Sequence[str] = (),
        *,
        must_support: bool = False,
        paths: Sequence[Path] = (),
    ) -> None:
        self.claimed = tuple(claimed)
        self.must_support = must_support
        self._paths = tuple(paths)
        self._archives = tuple(archives)
        self._named: dict[str, Json] = {}
        self._definitions: dict[str, Definition | None] = {}
        self._trees: dict[str, Node] = {}
        self._whole: dict[str, Node] = {}
        self._codes: dict[str, Codes | None] = {}
        self._value_sets: dict[str, Json] | None = None
        self._systems: dict[str, Json] | None = None
        for archive in archives:
            self._named.update(_by_url(archive, "StructureDefinition"))

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self._paths, self.claimed, self.must_support)

    def definition(self, url: str) -> Definition | None:
        """The profile of a URL, whose version counts for nothing; ``None`` for one that is not known, or is a type."""
        plain = url.split("|")[0]
        if plain not in self._definitions:
            document = self._named.get(plain) or _core().get(plain)
            self._definitions[plain] = None if document is None else definition_of(document)
        return self._definitions[plain]

    def type_of(self, url: str) -> str | None:
        """The type that a URL names, or that the profile of this URL constrains; ``None`` for an unknown one."""
        name = url.split("|")[0].removeprefix(SPEC)
        if name in type_names():
            return name
        definition = self.definition(url)
        return None if definition is None else definition.type

    def tree(self, definition: Definition) -> Node:
        """What a profile says beyond R4, its bases included. Raises NotKnown where one of those is not known."""
        found = self._trees.get(definition.url)
        if found is None:
            found = self._trees[definition.url] = pruned(self.whole(definition))
        return found

    def whole(self, definition: Definition) -> Node:
        """The same with what R4 says too, as far as the definition repeats it."""
        found = self._whole.get(definition.url)
        if found is None:
            base = root_of(definition.type) if definition.whole else self._base(definition, frozenset())
            found = self._whole[definition.url] = grown(base, definition.elements)
        return found

    def _base(self, definition: Definition, seen: frozenset[str]) -> Node:
        plain = definition.base.split("|")[0]
        name = plain.removeprefix(SPEC)
        if name in type_names() and self.definition(plain) is None:
            return root_of(definition.type)
        base = self.definition(plain)
        if base is None or plain in seen:
            raise NotKnown(plain)
        below = root_of(base.type) if base.whole else self._base(base, seen | {plain})
        return grown(below, base.elements)

    def codes(self, value_set: str) -> Codes | None:
        """The codes of a value set, by system; ``None`` where they are not all known."""
        plain = value_set.split("|")[0]
        if plain not in self._codes:
            self._codes[plain] = None  # of one that includes itself, no more is known
            known = codes_of(plain) or _core_codes().get(plain)
            self._codes[plain] = known if known is not None else self._expanded(plain)
        return self._codes[plain]

    def _expanded(self, value_set: str) -> Codes | None:
        if self._value_sets is None:
            self._value_sets = dict(one for archive in self._archives for one in _by_url(archive, "ValueSet").items())
            self._systems = dict(one for archive in self._archives for one in _by_url(archive, "CodeSystem").items())
        document = self._value_sets.get(value_set)
        return None if document is None else expanded(document, self._systems or {}, self.codes)

    def missing(self) -> tuple[str, ...]:
        """The packages that those given rest on, and that were not given, as ``name version``."""
        given = {archive.name for archive in self._archives} | {R4}
        needed = {
            f"{name} {version}"
            for archive in self._archives
            for name, version in archive.dependencies.items()
            if name not in given
        }
        return tuple(sorted(needed))


def read_profiles(
    packages: AnyPath | Iterable[AnyPath] = (), profiles: Sequence[str] = (), *, must_support: bool = False
) -> Profiles:
    """Reads FHIR packages (``.tgz``), and takes the profiles that every resource of their type is to meet.

    Of two packages with a definition of the same URL the later one counts. Raises SourceError for a package that
    cannot be read, UsageError for a profile that is in none of them and not of R4.
    """
    paths = each_path(packages)
    found = Profiles([_archive(path) for path in paths], profiles, must_support=must_support, paths=paths)
    for url in profiles:
        if found.definition(url) is None and url.split("|")[0].removeprefix(SPEC) not in resource_types():
            raise UsageError(f"the profile {url} is not known", hint="name its package with --package FILE.tgz")
    return found


@cache
def core_profiles() -> Profiles:
    """The profiles of R4 alone."""
    return Profiles()


@cache
def _again(paths: tuple[Path, ...], claimed: tuple[str, ...], must_support: bool) -> Profiles:
    return read_profiles(paths, claimed, must_support=must_support)


def _archive(path: Path) -> Archive:
    archive = read_archive(path)
    if not any(archive.files.values()):
        raise SourceError("holds no profile, extension, value set or code system", file=str(path))
    return archive


def _by_url(archive: Archive, kind: str) -> dict[str, Json]:
    """The resources of a package by their URL; what is no JSON object with a URL is passed over."""
    return dict(_read(archive.files[kind]))


def _read(texts: Sequence[bytes]) -> Iterator[tuple[str, Json]]:
    for text in texts:
        try:
            document: object = orjson.loads(text)
        except ValueError:
            continue
        if isinstance(document, dict) and isinstance(document.get("url"), str):
            yield document["url"], document


@cache
def _table() -> Mapping[str, object]:
    return cast(
        Mapping[str, object], orjson.loads(files("fhir_msc.validation").joinpath("r4_profiles.json").read_bytes())
    )


@cache
def _core() -> Mapping[str, Json]:
    return cast(Mapping[str, Json], _table()["profiles"])


@cache
def _core_codes() -> Mapping[str, Codes]:
    sets = cast(Mapping[str, Mapping[str, Sequence[str]]], _table()["valueSets"])
    return {url: {system: frozenset(codes) for system, codes in systems.items()} for url, systems in sets.items()}

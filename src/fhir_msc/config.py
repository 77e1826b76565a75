"""The project's TOML, checked, and turned into each room's own options.

A project is one folder with one ``fhir-msc.toml``, one ledger and one secret. Mistakes are ConfigErrors that start with
``fhir-msc.toml:LINE``. Secrets never stand in the file: it names where they are (``env:``, ``file:``, ``cmd:``).
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from fhir_msc.config_words import TargetSection, Words, place_of, read_words
from fhir_msc.desired.policy import Policy
from fhir_msc.errors import ConfigError, PackError, SecretError, UsageError
from fhir_msc.mapping.pack import Pack, find_pack, read_pack
from fhir_msc.paths import AnyPath
from fhir_msc.release.consent import ConsentPolicy
from fhir_msc.resources.own import NamedBuilder, own_builders
from fhir_msc.sources.opening import SourceOptions, open_source
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import ToldSource
from fhir_msc.target.auth import Auth, Basic, Bearer, read_secret
from fhir_msc.target.trust import trusting
from fhir_msc.trial import Study

_SECRET_CHARACTERS = 32


class Project:
    """A project's folder and what its config says, seen from one of its targets: the only one, or one that is named."""

    def __init__(self, folder: Path, words: Words, target: str | None = None) -> None:
        self.folder = folder
        self.words = words
        self._target = target or (next(iter(words.targets)) if len(words.targets) == 1 else None)

    @property
    def target(self) -> tuple[str, TargetSection]:
        """The target: its name and its section. Raises UsageError where there are several and none was named."""
        if self._target is None:
            raise UsageError(
                "the project has several targets: name one", hint=f"--target is one of {', '.join(self.words.targets)}"
            )
        return self._target, self.words.targets[self._target]

    def at(self, target: str) -> Project:
        """The project as it goes to another of its targets. Raises UsageError."""
        if target not in self.words.targets:
            raise UsageError(
                "the project has no target of this name", hint=f"--target is one of {', '.join(self.words.targets)}"
            )
        return Project(self.folder, self.words, target)

    def each_target(self) -> list[Project]:
        """The project once for each target, in the order of the config; the one alone that was named."""
        return [self.at(name) for name in self.words.targets if self._target in (None, name)]

    @property
    def state(self) -> Path:
        """The folder of the ledger and the lock."""
        return self.folder / self.words.project.state

    @property
    def source_path(self) -> Path:
        """Where the export lies."""
        return self.folder / self.words.project.source

    @cached_property
    def pack(self) -> Pack:
        """The mapping pack. Raises PackError."""
        try:
            folder = find_pack(self.words.project.pack, self.folder)
        except PackError as error:
            raise PackError(
                f"{place_of(self.folder, ('project', 'pack'))}: {error.message}", hint=error.hint
            ) from error
        return read_pack(folder)

    @cached_property
    def builders(self) -> tuple[NamedBuilder, ...]:
        """The integrator's own builders that the config asks for. Raises ConfigError."""
        return own_builders(self.words.project.builders)

    def open_source(self) -> ToldSource:
        """The export, not yet sealed. Raises SourceError."""
        section = self.words.source
        return open_source(
            self.source_path,
            SourceOptions(
                format=section.format,
                kinds=self.pack.words.source,
                seals=self.pack.seals if self.words.project.blind else Seals(),
                encoding=section.encoding,
                delimiter=section.delimiter,
                records=section.records,
                dictionary=section.dictionary,
                arms_are_treatments=self.pack.words.arms_are_treatments,
                tables=section.tables,
            ),
        )

    @property
    def study(self) -> Study:
        """The study of the config, with its sites."""
        return self.words.study.study(self.words.sites)

    @property
    def policy(self) -> Policy:
        """What mapping, release and building are told."""
        words, (_, target) = self.words, self.target
        return Policy(
            study=self.study,
            namespace=words.project.namespace,
            blind=words.project.blind,
            domain=target.identity,
            zone=words.project.zone,
            sites=None if target.sites is None else frozenset(target.sites),
            consent=ConsentPolicy(words.consent.covers_days_before),
            withdrawals=words.consent.withdrawals,
            synthetic=words.project.synthetic,
            record_number=words.project.record_number,
            data_cut=words.project.data_cut,
        )

    def secret(self) -> bytes:
        """The project's secret. Raises SecretError where it is missing, readable by others, or too short."""
        try:
            text = read_secret(self.words.project.secret, self.folder)
        except SecretError as error:
            raise SecretError(
                f"the project's secret: {error.message}",
                hint=f"{error.hint} Another secret than the first would double every resource on the server.",
            ) from error
        if len(text) < _SECRET_CHARACTERS:
            raise SecretError(
                f"the project's secret is shorter than {_SECRET_CHARACTERS} characters",
                hint="`fhir-msc init` writes a good one into a new project.",
            )
        return text.encode()

    @property
    def ca_bundle(self) -> Path | None:
        """The certificates of the authorities that the target's may come from; ``None``: the public ones. Raises
        ConfigError where they cannot be used."""
        name, target = self.target
        if target.ca_bundle is None:
            return None
        path = self.folder / target.ca_bundle
        try:
            trusting(path)
        except UsageError as error:
            place = place_of(self.folder, ("targets", name, "ca_bundle"))
            raise ConfigError(f"{place}: {error.message}", hint=error.hint) from error
        return path

    @property
    def auth(self) -> Auth | None:
        """How to log in at the target."""
        _, target = self.target
        section = target.auth
        if section is None:
            return None
        if section.bearer is not None:
            return Bearer(section.bearer)
        return Basic(section.user or "", section.password or "")


def read_project(folder: AnyPath, target: str | None = None) -> Project:
    """Reads a project's config, to go to the ``target`` of this name. Raises ConfigError with file and line, and
    UsageError for a name that no target has."""
    place = Path(folder)
    project = Project(place, read_words(place))
    return project if target is None else project.at(target)

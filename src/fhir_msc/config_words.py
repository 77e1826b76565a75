"""What the project's TOML may say, and what is said to whoever writes it otherwise.

Mistakes are ConfigErrors that start with ``fhir-msc.toml:LINE`` and name the word that was probably meant.
"""

from __future__ import annotations

import difflib
import re
import secrets
import tomllib
from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from fhir_msc.config_lines import line_of
from fhir_msc.config_study import MOST, Section, SiteSection, StudySection, Zone
from fhir_msc.errors import ConfigError, SecretError, UsageError
from fhir_msc.resources.own import refuse_unknown
from fhir_msc.resources.registry import RANKS
from fhir_msc.sources.encoding import codec
from fhir_msc.sources.opening import FORMATS
from fhir_msc.sources.own import own_sources
from fhir_msc.target.auth import check_reference
from fhir_msc.target.families import Family
from fhir_msc.target.routes import EVERY, RouteKind
from fhir_msc.target.urls import check_base, check_proxy
from fhir_msc.validation.primitives import is_instant

FILE = "fhir-msc.toml"
PLACEHOLDER_NAMESPACE = "https://fhir-msc.example.org"
"""The namespace of a project that has none yet; refused for a target that is not on loopback."""


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def _is_base(uri: str) -> str:
    if "://" not in uri or uri.endswith("/"):
        raise ValueError("must be an absolute URI without a slash at its end")
    return uri


def _is_form(expression: str) -> str:
    try:
        re.compile(expression)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return expression


def _as_instant(value: Any) -> Any:
    text = value.isoformat() if isinstance(value, datetime) else value
    if not (isinstance(text, str) and is_instant(text)):
        raise ValueError("is no instant: give day, time and zone, as 2026-03-31T18:00:00+02:00")
    return text


def _is_reference(secret: str) -> str:
    try:
        check_reference(secret)
    except SecretError as error:
        raise ValueError(f"{error.message}. {error.hint}") from error
    return secret


Form = Annotated[str, AfterValidator(_is_form)]
Instant = Annotated[str, BeforeValidator(_as_instant)]
Base = Annotated[str, AfterValidator(_is_base)]
SecretReference = Annotated[str, AfterValidator(_is_reference)]


class ProjectSection(Section):
    """[project]"""

    pack: str
    source: str
    blind: bool = True
    secret: SecretReference = "file:secret"  # noqa: S105 - where the secret is, not the secret
    state: str = "state"
    namespace: Base = PLACEHOLDER_NAMESPACE
    zone: Zone | None = None
    synthetic: bool = False
    record_number: Form | None = None
    data_cut: Instant | None = None
    builders: tuple[str, ...] = Field(default=(), description="resource types that the integrator's own builders make")


class SourceSection(Section):
    """[source]: how the export is read, where detecting is not enough."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    records: str | None = None
    dictionary: str | None = None
    tables: dict[str, str] = Field(default_factory=dict)


class ConsentSection(Section):
    """[consent]"""

    covers_days_before: int = Field(default=0, ge=0, le=MOST)
    withdrawals: dict[str, Literal["consent", "participation"]] = Field(default_factory=dict)


class AuthSection(Section):
    """[targets.NAME.auth]: ``bearer``, or ``user`` and ``password``; each says where its secret is."""

    bearer: SecretReference | None = None
    user: str | None = None
    password: SecretReference | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = (self.bearer is not None, self.user is not None, self.password is not None)
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError("half a login: it needs bearer, or user and password")
        return self


class TargetSection(Section):
    """[targets.NAME]"""

    url: str
    role: Literal["store", "ehr"] = "store"
    family: Family | None = None
    identity: str = Field(min_length=8, description="a random word: ids of two targets cannot be joined")
    sites: tuple[str, ...] | None = None
    auth: AuthSection | None = None
    ca_bundle: str | None = None
    proxy: str | None = None
    timeout: float = Field(60.0, gt=0, allow_inf_nan=False, description="seconds")
    connections: int = Field(2, ge=1, le=16)
    entries: int | None = Field(default=None, ge=1, description="most entries of a bundle; default: the family's")
    bytes: int | None = Field(default=None, ge=10_000, description="most bytes of a bundle; default: the family's")
    client_ids: bool | None = Field(default=None, description="whether PUT under a new id is taken; default: declared")
    writable: tuple[str, ...] = Field(default=(), description="types that may be written to an ehr")
    delete: tuple[str, ...] = Field(
        default=(), description="types that `retire` may delete, as R4 has no status of theirs that says the same"
    )
    routes: dict[str, RouteKind] = Field(
        default_factory=dict, description="the route of a type, or of '*', instead of the one that would be taken"
    )

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


class WorkerSection(Section):
    """[worker]"""

    interval: float = Field(default=60.0, gt=0, description="seconds between two looks at the source")


class Words(Section):
    """The whole file."""

    project: ProjectSection
    study: StudySection
    source: SourceSection = Field(default_factory=SourceSection)
    sites: dict[str, SiteSection] = Field(default_factory=dict)
    consent: ConsentSection = Field(default_factory=ConsentSection)
    targets: dict[str, TargetSection]
    worker: WorkerSection = Field(default_factory=WorkerSection)


def new_secret() -> str:
    """A secret for a new project: 64 hexadecimal digits."""
    return secrets.token_hex(32)


def new_identity() -> str:
    """An identity domain for a new target."""
    return secrets.token_hex(8)


def read_words(folder: Path) -> Words:
    """Reads what the config in a project's folder says. Raises ConfigError with file and line."""
    return parsed_words(_text(folder))


def place_of(folder: Path, path: tuple[str, ...]) -> str:
    """File and line of what the config in a project's folder says at a path. Raises ConfigError."""
    return f"{FILE}:{line_of(_text(folder), path)}"


def _text(folder: Path) -> str:
    try:
        return (folder / FILE).read_text("utf-8-sig")  # editors of Windows begin a file with a mark
    except FileNotFoundError as error:
        raise ConfigError(
            f"{FILE}: there is no project in this folder",
            hint="name one with --project DIR, or write one: fhir-msc init DIR --pack NAME --source PATH --target URL",
        ) from error
    except NotADirectoryError as error:
        raise ConfigError(f"{FILE}: looked for in what is no folder", hint="--project names the folder") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{FILE}: cannot be read ({type(error).__name__})",
            hint="it is a text in UTF-8, which the user who runs fhir-msc must be allowed to read",
        ) from error


def parsed_words(text: str) -> Words:
    """What the text of a config says. Raises ConfigError with file and line."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        raise ConfigError(f"{FILE}:{found[1] if found else 1}: {error}") from error
    for path in _unprintable(tree):
        raise ConfigError(f"{FILE}:{line_of(text, path)}: {'.'.join(path)}: a control character in a text")
    try:
        words = Words.model_validate(tree)
    except ValidationError as error:
        raise _config_error(text, error) from None
    _check(words, text)
    return words


def _unprintable(tree: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where a text, or the name of a table, holds what no name of a file, an encoding or a code may hold."""
    if isinstance(tree, str) and _CONTROLS.search(tree):
        yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, inner in items:
        if isinstance(name, str) and _CONTROLS.search(name):
            yield path
        yield from _unprintable(inner, (*path, str(name)))


def _check(words: Words, text: str) -> None:
    if not words.targets:
        raise ConfigError(f"{FILE}:{line_of(text, ('targets',))}: a target is needed: [targets.NAME]")
    _check_format(words.source.format, text)
    _check_named(words, text)
    domains: dict[str, str] = {}
    for name, target in words.targets.items():
        _check_target(words, text, name, target)
        if (other := domains.setdefault(target.identity, name)) != name:
            raise ConfigError(
                f"{FILE}:{line_of(text, ('targets', name, 'identity'))}: the identity of target {other}: with one word"
                " for both, what one server holds can be joined to what the other holds",
                hint=f'give it a word of its own: identity = "{new_identity()}"',
            )


def _check_format(form: str | None, text: str) -> None:
    if form is None or form in FORMATS:
        return
    known = [*FORMATS, *own_sources(FORMATS)]
    if form not in known:
        close = difflib.get_close_matches(form, known, 1, 0.5)
        raise ConfigError(
            f"{FILE}:{line_of(text, ('source', 'format'))}: there is no source format {form!r}"
            + (f" (did you mean {close[0]!r}?)" if close else ""),
            hint=f"one of: {', '.join(known)}",
        )


def _check_named(words: Words, text: str) -> None:
    """Whether what is named is there: the encoding, own builders."""
    for path, check in (
        (("source", "encoding"), lambda: codec(words.source.encoding or "utf-8")),
        (("project", "builders"), lambda: refuse_unknown(words.project.builders)),
    ):
        try:
            check()
        except UsageError as error:
            raise ConfigError(f"{FILE}:{line_of(text, path)}: {error.message}", hint=error.hint) from error


def _check_target(words: Words, text: str, name: str, target: TargetSection) -> None:
    for word, check, url in (("url", check_base, target.url), ("proxy", check_proxy, target.proxy)):
        try:
            if url is not None:
                check(url)
        except UsageError as error:
            place = f"{FILE}:{line_of(text, ('targets', name, word))}"
            raise ConfigError(f"{place}: {error.message}", hint=error.hint) from error
    if words.project.namespace == PLACEHOLDER_NAMESPACE and not target.is_loopback:
        raise ConfigError(
            f"{FILE}:{line_of(text, ('project', 'namespace'))}: the namespace is a placeholder, but the target is real",
            hint="set [project] namespace to a base URI of your own; it can never be changed afterwards",
        )
    sent = [*RANKS, *words.project.builders]
    for word, names in (("writable", target.writable), ("delete", target.delete), ("routes", tuple(target.routes))):
        for type in names:
            if type not in sent and not (word == "routes" and type == EVERY):
                close = difflib.get_close_matches(type, sent, 1, 0.6)
                raise ConfigError(
                    f"{FILE}:{line_of(text, ('targets', name, word))}: no resources of this type are sent"
                    + (f" (did you mean {close[0]!r}?)" if close else "")
                )
    if target.role == "ehr" and target.sites is None:
        raise ConfigError(
            f"{FILE}:{line_of(text, ('targets', name, 'role'))}: a target of role ehr must name its sites",
            hint='add sites = ["701"]: participants of other sites never leave for it',
        )


def _config_error(text: str, error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False, include_input=False)[0]
    path = tuple(str(part) for part in first["loc"])
    place = f"{FILE}:{line_of(text, path)}"
    if first["type"] == "extra_forbidden":
        known = sorted({name for model in Section.__subclasses__() for name in model.model_fields})
        close = difflib.get_close_matches(path[-1], known, 1, 0.6)
        return ConfigError(f"{place}: unknown word {path[-1]!r}" + (f" (did you mean {close[0]!r}?)" if close else ""))
    if first["type"] == "missing":
        return ConfigError(f"{place}: {'.'.join(path)} is missing")
    return ConfigError(f"{place}: {'.'.join(path)}: {first['msg'].removeprefix('Value error, ')}")

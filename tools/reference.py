"""The reference pages of the documentation, made from the code when the site is built (a hook of MkDocs).

Nothing of them is written down twice: commands come from the command line's own help, words of the config and of packs
from the models that check them, errors and the library from their docstrings.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import fhir_msc
from fhir_msc import errors
from fhir_msc.cli.app import app, run
from fhir_msc.config import Words
from fhir_msc.mapping.format import PackWords, TableWords

_WIDTH = "100"
_FEW = 3
"""Of so many words a heading says that they lead to it."""
_PLAIN = {str: "text", int: "number", float: "number", bool: "true or false", type(None): "nothing"}


def commands() -> str:
    """Every command with its help."""
    parts = ["# Commands", "Every command takes `--help`; this page is what that prints."]
    for path in _paths(typer.main.get_command(app), ()):
        parts += [f"## fhir-msc {' '.join(path)}", f"```text\n{_help(path)}\n```"]
    return _page(parts)


def _paths(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    within: Mapping[str, Any] = getattr(command, "commands", {})
    for name, one in within.items():
        yield (*path, name)
        yield from _paths(one, (*path, name))


def _help(path: tuple[str, ...]) -> str:
    out = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _WIDTH
    try:
        with contextlib.redirect_stdout(out):
            run([*path, "--help"])
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    text = out.getvalue().strip()
    assert text.startswith("Usage:"), path
    return text


def config() -> str:
    """The sections of the project's TOML and their words."""
    head = "`fhir-msc init` writes a file that runs as it is. A word that is not here is a mistake, told with its line."
    return _page(["# The config", head, *_models(Words)])


def pack_words() -> str:
    """The words of packs."""
    head = "How they play together is told in [How to write a mapping pack](../mapping-packs.md)."
    parts = ["# Words of packs", head, "## pack.yaml", *_models(PackWords, "### {}")]
    return _page([*parts, "## A table", *_models(TableWords, "### {}")])


def _models(first: type[BaseModel], heading: str = "## {}") -> Iterator[str]:
    """The models that one leads to, each once, in the order in which they are named, with the words that lead there."""
    order, words = [first], {first: dict[str, None]()}
    for model in order:
        for name, field in model.model_fields.items():
            for one in _within(field.annotation):
                if one not in words:
                    order.append(one)
                words.setdefault(one, {})[field.alias or name] = None
    for model in order:
        section, said = _told(model)
        named = ", ".join(f"`{word}`" for word in words[model])
        yield heading.format(section or model.__name__ + (f" ({named})" if 0 < len(words[model]) <= _FEW else ""))
        yield said
        yield _table(model)


def _told(model: type[BaseModel]) -> tuple[str, str]:
    """The section of the file that a model is, as its docstring begins with it; and what else that says."""
    text = " ".join((inspect.getdoc(model) or "").split())
    found = re.fullmatch(r"(\[+[^\]]+\]+)(?::? ?)(.*)", text)
    return (f"`{found[1]}`", found[2]) if found else ("", text)


def _table(model: type[BaseModel]) -> str:
    rows = ["| word | what | default | |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        word = field.alias or name
        cells = (f"`{word}`", _kind(field.annotation), _default(field), field.description or "")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, BaseModel) or value in ((), {}, [], ""):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _plain(annotation: Any) -> Any:
    """The annotation under its names and its checks."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _kind(annotation: Any) -> str:
    annotation = _plain(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_kind(one) for one in inner if one is not type(None)))
    if origin in (tuple, list, set, frozenset):
        return f"list of {_kind(inner[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return f"{_kind(inner[0])} → {_kind(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _told(annotation)[0] or annotation.__name__
    return _PLAIN.get(annotation, "text")


def _within(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation."""
    annotation = _plain(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _within(one)


def errors_page() -> str:
    """The exceptions, and what each ends the command line with."""
    rows = ["| exception | exit code | |", "| --- | --- | --- |"]
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.FhirMscError):
            said = " ".join((inspect.getdoc(kind) or "").split()).replace("|", "\\|")
            rows.append(f"| `{name}` | {kind.exit_code} | {said} |")
    head = (
        "Everything that is raised on purpose, in `fhir_msc.errors`. What is wrong with data is not raised: it is a"
        " finding ([rules](../rules.md))."
    )
    return _page(["# Errors", head, "\n".join(rows), f"```text\n{inspect.getdoc(errors)}\n```"])


def library() -> str:
    """What ``fhir_msc`` gives to those who import it."""
    parts = [
        "# The library",
        f"`fhir_msc` {fhir_msc.__version__}: {(inspect.getdoc(fhir_msc) or '').split(': ', 1)[-1]}",
    ]
    names = tuple(getattr(fhir_msc, "__all__", ()))
    if not names:
        parts.append("The modules are imported by their rooms: see [the architecture](../architecture.md).")
    for name in names:
        one = getattr(fhir_msc, name)
        parts.append(f"## {name}")
        if inspect.isclass(one) or inspect.isroutine(one):
            with contextlib.suppress(ValueError):  # a class of C has no signature to tell
                parts.append(f"```python\n{name}{inspect.signature(one)}\n```")
            parts.append(f"```text\n{inspect.getdoc(one) or ''}\n```")
    return _page(parts)


def _page(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/config.md": config,
    "reference/pack-words.md": pack_words,
    "reference/errors.md": errors_page,
    "reference/library.md": library,
}
"""The pages by their place on the site."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages (MkDocs calls it)."""
    for place, made in PAGES.items():
        files.append(File.generated(config, place, content=made()))
    return files

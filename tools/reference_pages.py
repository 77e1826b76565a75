"""The reference pages of the documentation, made from the code when the site is built (a hook of mkdocs)."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from public_names import docstrings  # beside this file, where mkdocs looks when it loads a hook
from pydantic import BaseModel

import fhir_msc
from fhir_msc import errors
from fhir_msc.cli.app import app
from fhir_msc.config_words import Words

ROOT = Path(__file__).parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    for name, lines in PAGES.items():
        files.append(File.generated(config, f"reference/{name}.md", content="\n".join([*lines(), ""])))
    return files


def commands() -> Iterator[str]:
    """Every command with its help and options."""
    yield "# Commands\n\nExit codes: 0 done, 1 a person is needed, 2 wrong use, 3 an input cannot be read, 4 a fault of"
    yield "ours, 5 the server cannot be reached or refuses, 130 stopped."
    whole = typer.main.get_command(app)
    for path, command in _commands(whole, ("fhir-msc",)):
        yield f"\n## {' '.join(path)}\n"
        yield inspect.cleandoc(command.help or "")
        rows = [(_option(one), getattr(one, "help", None) or "") for one in command.params if one.name != "help"]
        if rows:
            yield "\n| option | what it does |\n| --- | --- |"
            yield from (f"| `{name}` | {text} |" for name, text in rows)


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from _commands(inner, (*path, name))
    else:
        yield path, command


def _option(one: Any) -> str:
    takes = "" if getattr(one, "is_flag", False) else str(one.metavar or one.name).upper()
    names = one.opts[0] if one.param_type_name == "option" else ""
    return " ".join(part for part in (names, takes) if part).replace("|", "\\|")


def config_words() -> Iterator[str]:
    """Every word of the config."""
    yield "# The config\n\n`fhir-msc init` writes one with comments. A word that is not known is refused with its line"
    yield "and the nearest right one."
    yield from _section(Words, "")


def _section(model: type[BaseModel], path: str) -> Iterator[str]:
    inner: list[tuple[type[BaseModel], str]] = []
    rows = []
    for name, field in model.model_fields.items():
        nested, keyed = _nested(field.annotation)
        if nested is not None:
            at = f"{path}.{name}" if path else name
            inner.append((nested, f"{at}.NAME" if keyed else at))
            continue
        default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        rows.append(f"| `{name}` | {default} | {field.description or ''} |")
    if rows:
        yield f"\n## [{path}]\n\n| word | default | |\n| --- | --- | --- |" if path else ""
        yield from rows
    for nested, at in inner:
        yield from _section(nested, at)


def _nested(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model inside an annotation, and whether it stands under names of the user's."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) in (dict, tuple, Union, UnionType):
        for one in get_args(annotation):
            found, keyed = _nested(one)
            if found is not None:
                return found, keyed or get_origin(annotation) is dict
    return None, False


def _shown(value: object) -> str:
    return "none" if value in (None, (), {}, "") else f"`{json.dumps(value, default=str)}`"


def pack_words() -> Iterator[str]:
    """The schemas of packs and tables, word by word."""
    yield "# The pack's words\n\nFrom the JSON Schemas that editors use. How they go together:"
    yield "[How to write a mapping pack](../mapping-packs.md)."
    for title, file in (("pack.yaml", "pack.schema.json"), ("A table", "table.schema.json")):
        schema = json.loads((ROOT / "mappings" / file).read_text("utf-8"))
        parts = {title: schema, **dict(sorted(schema.get("$defs", {}).items()))}
        for name, part in parts.items():
            words = part.get("properties")
            if not words:
                continue
            yield f"\n## {name}\n"
            yield inspect.cleandoc(part.get("description", ""))
            yield "\n| word | | |\n| --- | --- | --- |"
            needed = part.get("required", ())
            for word, of in words.items():
                text = " ".join(str(of.get("description", "")).split()).replace("|", "\\|")
                yield f"| `{word}` | {'required' if word in needed else ''} | {text} |"


def error_tree() -> Iterator[str]:
    """What is raised on purpose."""
    yield "# Errors\n\n```text"
    yield inspect.cleandoc(errors.__doc__ or "")
    yield "```"


def library() -> Iterator[str]:
    """The public names and what they are."""
    yield "# The library\n\nEvery public name of `fhir_msc`, with its docstring."
    for name, text in docstrings():
        thing = getattr(fhir_msc, name)
        kind = "class " if inspect.isclass(thing) else ""
        signature = _AT.sub("...", str(inspect.signature(thing))) if inspect.isfunction(thing) else ""
        yield f"\n## {name}\n\n```python\n{kind}{name}{signature}\n```\n\n{text or ''}"


_AT = re.compile(r"<function .*? at 0x[0-9a-f]+>")
"""How Python prints a default that is a function: with an address, which is another one each time."""

PAGES = {
    "commands": commands,
    "config": config_words,
    "pack-words": pack_words,
    "errors": error_tree,
    "library": library,
}

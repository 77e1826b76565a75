"""What the public names of fhir_msc say of themselves, names of types and constants included: these have no
``__doc__`` of their own, but a docstring behind them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

import fhir_msc


def docstrings() -> Iterator[tuple[str, str | None]]:
    """Each public name with its docstring, cleaned; ``None`` where it has none."""
    for name in sorted(fhir_msc.__all__):
        module, there = fhir_msc._PLACES[name]
        text = _defined(_home(module, there)).get(there)
        yield name, None if text is None else inspect.cleandoc(text)


def _home(module: str, name: str) -> str:
    """The module that defines a name; a package hands it on."""
    if name in _defined(module):
        return module
    for node in _body(module):
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return _home(str(node.module), name)
    raise LookupError(f"{module} has no {name}")


@cache
def _body(module: str) -> list[ast.stmt]:
    path = inspect.getsourcefile(import_module(module))
    assert path is not None
    return ast.parse(Path(path).read_text("utf-8")).body


@cache
def _defined(module: str) -> Mapping[str, str | None]:
    """What a module defines at its top, with its docstring: inside classes and functions, behind other names."""
    found: dict[str, str | None] = {}
    body = _body(module)
    for node, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = ast.get_docstring(node)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                behind = after.value if isinstance(after, ast.Expr) else None
                is_said = isinstance(behind, ast.Constant) and isinstance(behind.value, str)
                found[target.id] = behind.value if is_said else None
    return found

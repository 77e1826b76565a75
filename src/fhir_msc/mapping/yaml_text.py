"""YAML read as text with places: every scalar stays a string, every node knows its line and column.

``NO`` is the word NO and ``1.0`` is the text 1.0, so a code is never turned into a boolean or a number. A key that
stands twice in one mapping is an error; anchors and tags are refused, for a pack is data and no program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import yaml

from fhir_msc.errors import PackError

Tree = str | list["Tree"] | dict[str, "Tree"]
NodePath = tuple[str | int, ...]


@dataclass(slots=True, eq=False)
class Document:
    """One YAML document: its tree, and the line and column (from 1) of every node and key by path. It equals itself
    alone: what was made of it is remembered by it."""

    file: str
    tree: Tree
    places: dict[NodePath, tuple[int, int]] = field(default_factory=dict)

    def place(self, path: NodePath) -> str:
        """``file:line:column`` of the node at ``path``, or of its nearest parent that is there."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                line, column = self.places[path[:length]]
                return f"{self.file}:{line}:{column}"
        return self.file


def read_documents(path: Path, name: str) -> Sequence[Document]:
    """The documents of a YAML file, not to be changed. ``name`` is how messages call it. Raises PackError with the
    place."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"{name}: cannot be read ({type(error).__name__})") from error
    return _documents(text, name)


@lru_cache(64)  # a worker reads the same pack again and again
def _documents(text: str, name: str) -> tuple[Document, ...]:
    loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=loader) if node is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise PackError(f"{where}: not YAML: {error.problem}") from error
    documents = []
    for node in nodes:
        document = Document(name, "")
        document.tree = _plain(node, (), document)
        documents.append(document)
    return tuple(documents)


def _plain(node: yaml.Node, path: NodePath, document: Document) -> Tree:
    place = (node.start_mark.line + 1, node.start_mark.column + 1)
    document.places.setdefault(path, place)
    if isinstance(node, yaml.ScalarNode):
        return "" if node.tag.endswith(":null") and node.value in ("", "~", "null") else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, i), document) for i, child in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        raise PackError(f"{document.file}:{place[0]}:{place[1]}: this kind of YAML node has no place in a pack")
    tree: dict[str, Tree] = {}
    for key_node, value_node in node.value:
        line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise PackError(f"{document.file}:{line}:{column}: a key must be a word")
        key = str(key_node.value)
        if key in tree:
            raise PackError(f"{document.file}:{line}:{column}: {key} stands twice")
        document.places[(*path, key)] = (line, column)
        tree[key] = _plain(value_node, (*path, key), document)
    return tree

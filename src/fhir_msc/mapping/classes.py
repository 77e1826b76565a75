"""One description for all tables of a class: SDTM's findings, split domains, domains that nobody has seen.

A document whose ``table`` is a pattern (``"*"``, ``QS*``) serves every table of such a name that has the required
columns, and that the pack neither names elsewhere, nor joins, nor leaves unmapped with a reason. In its words ``--``
at the beginning of a column stands for the first two letters of the table's name, as in SDTM (SDTM 2.0, section 3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from fhir_msc.mapping.format import TableWords
from fhir_msc.mapping.pack import Pack, PackTable, checked, refuse_sealed_key
from fhir_msc.mapping.yaml_text import Document, Tree
from fhir_msc.sources.table import Table

_LETTERS = 2
"""The letters of a table's name that ``--`` stands for."""

_VARIABLE = re.compile(r"--(?=[A-Z0-9_]+$)")


def is_class(table: PackTable) -> bool:
    """Whether the description serves all tables of a class."""
    return any(letter in table.words.table for letter in "*?")


def fitted(pack: Pack, tables: Iterable[Table]) -> Pack:
    """The pack with a description of its own for each of these tables, those of classes written out.

    Of several patterns the one with the most letters counts. Raises PackError where a sealed column stands in a key.
    """
    classes = sorted(filter(is_class, pack.tables.values()), key=lambda one: -len(one.words.table.strip("*?")))
    if not classes:
        return pack
    named = {name: table for name, table in pack.tables.items() if not is_class(table)}
    taken = {*named, *pack.words.not_mapped, *(join.table for table in named.values() for join in table.words.join)}
    for table in tables:
        if table.name in taken:
            continue
        for one in classes:
            if not fnmatchcase(table.name, one.words.table):
                continue
            described = written_out(one, table.name)
            if {described.words.participant, *described.words.required} <= set(table.columns):
                refuse_sealed_key(pack.seals, described)
                named[table.name] = described
                break
    return replace(pack, tables=named)


def written_out(described: PackTable, table: str) -> PackTable:
    """The description of a class for one of its tables. Raises PackError."""
    document = described.document
    tree = _substituted(document.tree, table)
    if isinstance(tree, dict):
        tree["table"] = table
    written = Document(document.file, tree, document.places)
    return PackTable(checked(TableWords, written), written)


def _substituted(tree: Tree, table: str) -> Tree:
    if isinstance(tree, list):
        return [_substituted(one, table) for one in tree]
    if isinstance(tree, dict):
        return {_words(name, table): _substituted(one, table) for name, one in tree.items()}
    return _words(tree, table)


def _words(text: str, table: str) -> str:
    letters = table[:_LETTERS]
    return _VARIABLE.sub(letters, text).replace("{table}", table).replace("{prefix}", letters.lower())

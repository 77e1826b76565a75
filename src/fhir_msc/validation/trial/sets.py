"""What the rules about a set tell of resources in files, as findings at their places."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fhir_msc.findings import Finding, Origin, Place
from fhir_msc.reports.tally import Selection, Tally
from fhir_msc.validation.parsing import NotAResource, parse
from fhir_msc.validation.trial import TrialRules
from fhir_msc.validation.trial.facts import Fact
from fhir_msc.validation.trial.gathered import Gathered


class Document(NamedTuple):
    """The facts of a document; its file, and in NDJSON its line with a digest of its text."""

    file: str
    row: int | None
    digest: str
    facts: Sequence[Fact]


def document(file: str, row: int | None, text: bytes, facts: Sequence[Fact]) -> Document:
    """The facts of the document that a text holds."""
    return Document(file, row, sha256(text.strip()).hexdigest(), facts)


class SetOfFiles:
    """Takes documents as they are checked."""

    def __init__(self, rules: TrialRules) -> None:
        self._gathered = Gathered(rules.totals)

    def add(self, documents: Iterable[Document]) -> None:
        """Takes the facts of some documents."""
        for file, row, digest, facts in documents:
            self._gathered.add(json.dumps([file, row, digest]), facts)

    def tell(self, tally: Tally, selection: Selection) -> None:
        """Adds what the set tells to what was found."""
        for source, problem in self._gathered.told():
            file, row, digest = json.loads(source)
            finding = Finding(
                rule=problem.rule,
                severity=problem.severity,
                message=problem.message,
                origins=(Origin(file, file, row),),
                path=problem.path,
                hint=problem.hint,
            )
            content = None if row is None else digest.encode()
            tally.add([finding], selection, content=content, place=partial(_placed, file, row))


def _placed(file: str, row: int | None, findings: Sequence[Finding]) -> Sequence[Finding]:
    """The findings with their places: of NDJSON the beginning of the line, of other files the element. What came
    through a pipe cannot be read again."""
    if row is not None:
        return [replace(one, place=Place(row, 1)) for one in findings]
    return list(_in_file(file, findings))


def _in_file(file: str, findings: Sequence[Finding]) -> Iterator[Finding]:
    from fhir_msc.validation.positions import places

    try:
        text = Path(file).read_bytes()
        root = str(parse(text)[0].get("resourceType"))
    except (OSError, NotAResource):
        yield from findings
        return
    known = places(text.decode("utf-8"), [one.path or root for one in findings], root)
    for one in findings:
        yield replace(one, place=known.get(one.path or root))

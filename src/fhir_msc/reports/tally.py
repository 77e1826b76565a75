"""Counting findings: all of them exactly, by what they say; keeping the worst and first of them with their places.

A tally takes the same memory whatever is found. What it keeps hangs on the findings alone, not on the order in which
they came or on how many processes looked for them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from fhir_msc.findings import Finding, Severity, order

MOST_KEPT = 10_000
"""How many findings are kept unless the caller says another number."""

MOST_CAUSES = 10_000
"""How many causes are counted one by one; findings of further ones are counted by their rule."""


class Cause(NamedTuple):
    """What findings of one kind say, wherever they stand."""

    severity: Severity
    rule: str
    message: str
    hint: str | None


class Found(NamedTuple):
    """A finding, and what it is known by in the next run: the same for the same thing at the same place."""

    finding: Finding
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which findings are told. Names of rules may hold ``*`` and ``?``; ``known`` are fingerprints of a baseline."""

    rules: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    most: int = MOST_KEPT

    def takes(self, rule: str) -> bool:
        """Whether findings of the rule are wanted: of any rule, where none is named."""
        return _takes(rule, self.rules, self.excluded)


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found. ``causes`` and ``rules`` count every finding; ``findings`` are those that were kept, in order.

    ``found`` is the number of findings, kept or not; ``known`` those that a baseline names, which count nowhere else.
    A finding about several rows counts as many in ``causes`` and ``rules``. ``resources`` is how many were checked,
    ``unreadable`` what could not be, ``folder`` what names of files are relative to, where that is not the working
    directory, ``details`` what the run has to tell beside, by names, as JSON.
    """

    findings: tuple[Found, ...] = ()
    causes: Mapping[Cause, int] = field(default_factory=dict)
    rules: Mapping[tuple[Severity, str], int] = field(default_factory=dict)
    found: int = 0
    known: int = 0
    resources: int = 0
    unreadable: tuple[str, ...] = ()
    folder: str = ""
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def omitted(self) -> int:
        """How many findings are counted and not kept."""
        return self.found - len(self.findings)

    def count(self, severity: Severity) -> int:
        """How many findings are of that severity."""
        return sum(count for (one, _), count in self.rules.items() if one is severity)

    def fails(self, at: Severity = Severity.ERROR) -> bool:
        """Whether a finding is of that severity or worse."""
        return any(one.rank <= at.rank for one, _ in self.rules)


class Tally:
    """Takes findings as they come."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.resources = 0
        self._most = most
        self._found = 0
        self._known = 0
        self._causes: Counter[Cause] = Counter()
        self._rules: Counter[tuple[Severity, str]] = Counter()
        self._kept: list[tuple[tuple[object, ...], Found]] = []
        self._last: tuple[object, ...] | None = None
        self._once: dict[tuple[str, str], Finding] = {}
        self._once_by: Selection | None = None

    def add(
        self,
        findings: Iterable[Finding],
        selection: Selection,
        *,
        content: bytes | None = None,
        place: Callable[[Sequence[Finding]], Sequence[Finding]] | None = None,
    ) -> None:
        """Counts the findings that the selection takes; keeps those that belong to the first ``selection.most``.

        ``content`` is the text of the resource, where it is known by that and not by its place in the file; ``place``
        gives findings their places, and is asked for those alone that are kept.
        """
        chosen: list[Finding] = []
        for finding in findings:
            if not selection.takes(finding.rule):
                continue
            if selection.known and fingerprint(finding, content) in selection.known:
                self._known += finding.count
                continue
            self._found += 1
            self._count(Cause(finding.severity, finding.rule, finding.message, finding.hint), finding.count)
            chosen.append(finding)
        if self._last is not None:
            chosen = [one for one in chosen if order(one) < self._last]
        if chosen and self._most:
            for one in place(chosen) if place is not None else chosen:
                self._kept.append((order(one), Found(_encodable(one), fingerprint(one, content))))
            self._prune(2 * self._most)

    def add_once(
        self,
        findings: Iterable[Finding],
        selection: Selection,
        *,
        place: Callable[[Sequence[Finding]], Sequence[Finding]] | None = None,
    ) -> None:
        """Takes findings that say the same wherever they stand: each is told once, at its first place, with a count."""
        for finding in findings:
            key = finding.rule, finding.message
            self._once_by = selection
            if key in self._once:
                known = self._once[key]
                self._once[key] = replace(known, count=known.count + finding.count)
            else:
                self._once[key] = place([finding])[0] if place is not None else finding

    def merge(self, other: Tally) -> None:
        """Takes what another tally took after this one."""
        self.resources += other.resources
        self._found += other._found
        self._known += other._known
        self._rules += other._rules
        for cause, count in other._causes.items():
            if cause in self._causes or len(self._causes) < MOST_CAUSES:
                self._causes[cause] += count
        self._kept += other._kept
        self._prune(2 * self._most)
        if other._once_by is not None:
            self.add_once(other._once.values(), other._once_by)

    def report(
        self, *, unreadable: Sequence[str] = (), folder: str = "", details: Mapping[str, object] | None = None
    ) -> Report:
        """What was found so far."""
        if self._once_by is not None:
            self.add(self._once.values(), self._once_by)
            self._once_by, self._once = None, {}
        self._prune(0)
        causes = sorted(self._causes.items(), key=lambda one: (one[0].severity.rank, *map(str, one[0])))
        return Report(
            findings=tuple(found for _, found in self._kept),
            causes=dict(causes),
            rules=dict(sorted(self._rules.items(), key=lambda one: (one[0][0].rank, one[0][1]))),
            found=self._found,
            known=self._known,
            resources=self.resources,
            unreadable=tuple(map(_utf8, unreadable)),
            folder=folder,
            details=details or {},
        )

    def _count(self, cause: Cause, count: int) -> None:
        self._rules[cause.severity, cause.rule] += count
        if cause in self._causes or len(self._causes) < MOST_CAUSES:
            self._causes[cause] += count

    def _prune(self, allowed: int) -> None:
        if len(self._kept) > allowed:
            self._kept.sort(key=itemgetter(0))
            del self._kept[self._most :]
            if self._kept and len(self._kept) == self._most:
                self._last = self._kept[-1][0]


def fingerprint(finding: Finding, content: bytes | None = None) -> str:
    """What a finding is known by from run to run: rule, message and place, without values, lines or times.

    A resource of an NDJSON file is known by its text, and a row by the key that it was given: neither hangs on what
    stands before it in the file.
    """
    origin = finding.origins[0] if finding.origins else None
    parts = [finding.rule, finding.message, finding.path or "", finding.key or ""]
    if origin is not None:
        parts += [origin.file, origin.table, origin.key or "", *origin.fields]
        if content is None and finding.key is None and origin.key is None:
            parts.append(str(origin.row))
    digest = hashlib.sha256("\0".join(map(_utf8, parts)).encode())
    digest.update(hashlib.sha256(content.strip()).digest() if content is not None else b"")
    return digest.hexdigest()[:32]


def _encodable(finding: Finding) -> Finding:
    """The finding without halves of surrogates, which a document's key or a file's name may hold and no report can."""
    texts = [text for text in (finding.path, finding.value, finding.hint) if text is not None]
    if all(map(str.isascii, [*texts, *(one.file for one in finding.origins)])):
        return finding
    return replace(
        finding,
        origins=tuple(replace(one, file=_utf8(one.file), table=_utf8(one.table)) for one in finding.origins),
        path=_or_none(finding.path),
        value=_or_none(finding.value),
        hint=_or_none(finding.hint),
    )


def _or_none(text: str | None) -> str | None:
    return None if text is None else _utf8(text)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@lru_cache(4096)
def _takes(rule: str, rules: tuple[str, ...], excluded: tuple[str, ...]) -> bool:
    wanted = not rules or any(fnmatchcase(rule, pattern) for pattern in rules)
    return wanted and not any(fnmatchcase(rule, pattern) for pattern in excluded)

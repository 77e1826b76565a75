"""What a target should have, table by table, and what became of every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from fhir_msc.findings import Finding, Origin, Severity


class Desired(NamedTuple):
    """One resource as a target should have it: checked, in the bytes that will leave, with where it comes from.

    A named tuple, for there is one per row: it is made in a quarter of the time of a frozen dataclass.

    ``rid`` is the opaque id and sync identifier. ``lane`` is the opaque id of the participant's lane (the rid of the
    Patient), or ``""`` for the study's own lane. ``rank`` orders types within a lane: what is referred to comes first.
    ``digest`` is SHA-256 over ``body``. ``loose`` is a keyed digest of the key without the columns that a site may
    correct (dates, terms): a new key with the loose digest of a vanished one of the same table is a possible
    correction; ``None`` where no such column is in the key. ``refs`` are the rids it refers to.
    """

    rid: str
    type: str
    lane: str
    rank: int
    body: bytes
    digest: bytes
    table: str
    origins: tuple[Origin, ...]
    refs: tuple[str, ...]
    loose: bytes | None = None


class Made(NamedTuple):
    """What one record became: a resource with the parts of its key, or the reason why not; and what was found."""

    desired: Desired | None
    outcome: str
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    parts: Sequence[str] = ()


OUTCOMES = ("delivered", "merged", "held", "rejected", "withheld", "not-mapped")
"""What may become of a row; of a row with several records the one that stands first here counts, and what went wrong
with the others stands in the findings."""


@dataclass(slots=True)
class Account:
    """What became of the rows of one table; the outcomes add up to ``rows`` (promise 2).

    ``outcomes`` counts rows by (outcome, reason): ``delivered`` counts rows that became, alone or first, a resource;
    ``merged`` those that went into another row's resource; reasons of ``held`` and ``withheld`` are rule ids.
    """

    table: str
    file: str
    rows: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count(self, outcome: str) -> int:
        """The rows of one outcome, whatever the reason."""
        return sum(n for (name, _), n in self.outcomes.items() if name == outcome)


def not_mapped(account: Account, reason: str, rows: int) -> Finding:
    """That nothing is made of so many rows of a table, and why."""
    place = (Origin(account.file, account.table),)
    return Finding("MSC-MAP-009", Severity.INFORMATION, f"not mapped: {reason}", place, count=rows)


class DesiredTable(Protocol):
    """One source table on its way to bodies."""

    @property
    def name(self) -> str:
        """The table's name; ``study`` for what comes from the project's config."""
        ...

    @property
    def account(self) -> Account:
        """What became of its rows; complete once ``stream`` is exhausted."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found; complete once ``stream`` is exhausted."""
        ...

    def fingerprint(self) -> bytes:
        """A keyed digest of everything that the bodies of this table depend on: its rows after sealing, the rows
        joined to them, participants and consents, pack, config and engine. Equal fingerprints give equal bodies."""
        ...

    def stream(self) -> Iterator[list[Desired]]:
        """The bodies, in batches. A rid may come twice: the later one counts. Raises SourceError when the input is
        damaged; what came before is then not to be used."""
        ...


class DesiredSet(Protocol):
    """Everything a target should have."""

    def tables(self) -> Sequence[DesiredTable]:
        """The tables in the order in which they are staged, the study first."""
        ...

    def lacking(self) -> Sequence[str]:
        """The tables of consents, steps and visits, which decide of all others, that are not in the source or have no
        rows. Raises SourceError if the source cannot be read."""
        ...

"""What a chain asks of the server, and what it has tried with a parcel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from fhir_msc.errors import TargetError
from fhir_msc.sync.exchange import Outgoing, Wanted
from fhir_msc.sync.planning import Parcel
from fhir_msc.sync.standing import Standing


@dataclass(frozen=True, slots=True)
class Look:
    """Resources to be read."""

    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Send:
    """A transaction to be sent, with its rows as they were leased and the epochs of their lanes at the lease."""

    outgoing: tuple[Outgoing, ...]
    leases: tuple[Standing, ...]
    epochs: Mapping[int, int]

    @property
    def size(self) -> int:
        """The bytes of its bodies."""
        return sum(len(one.body) for one in self.outgoing)


Job: TypeAlias = Look | Send


@dataclass(slots=True)
class Try:
    """A parcel and what was tried with it.

    ``to_look`` are ids to be read before anything else; ``clear`` are ids that were read in this try and may be sent.
    ``failed_on`` is a plain failure of the server after which it is read what it did.
    """

    parcel: Parcel
    to_look: set[int] = field(default_factory=set)
    clear: set[int] = field(default_factory=set)
    rereads: int = 0
    failures: int = 0
    failed_on: TargetError | None = None

    def tried(self, status: int) -> int:
        """The tries that ended like an answer of this status."""
        return self.failures if status >= 500 else self.rereads

"""What a project says of one target: who may go, under which names, and how blind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fhir_msc.release.consent import ConsentPolicy
from fhir_msc.trial import Study


@dataclass(frozen=True, slots=True)
class Policy:
    """The options of mapping, release and building for one target.

    ``zone`` is the zone of sites without one of their own. ``sites`` are those whose participants may go to the
    target; ``None``: all. ``withdrawals`` answers unclear withdrawals: participant → ``consent`` or ``participation``.
    ``domain`` is the target's identity domain. ``record_number`` is the form of a medical record number here (a
    regular expression): no code of the product may have it. ``data_cut`` is the instant at which the data were cut,
    with its zone; ``None``: nobody said, and nothing says where resources come from.
    """

    study: Study
    namespace: str
    blind: bool
    domain: str
    zone: str | None = None
    sites: frozenset[str] | None = None
    consent: ConsentPolicy = field(default_factory=ConsentPolicy)
    withdrawals: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False
    record_number: str | None = None
    data_cut: str | None = None

    def zone_of(self, site: str | None) -> str | None:
        """The IANA zone of a site."""
        known = self.study.site(site) if site else None
        return (known.zone if known else None) or self.zone

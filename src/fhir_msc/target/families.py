"""What is known of the server families beyond what they declare. Defaults only: the project's config overrides each.

Entry caps are what a family takes, less a margin; byte caps of a family that names none stay below the 1 MB that a
reverse proxy takes by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fhir_msc.target.bundle import BundleKind
from fhir_msc.target.capabilities import Capabilities

Family = Literal[
    "hapi", "smile", "azure", "google", "healthlake", "medplum", "iris", "epic", "oracle", "meditech", "other"
]

_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Preset:
    """Defaults for one family.

    ``client_ids``: takes PUT under a new id even where it declares nothing. ``bundle``: what it runs, ``None`` for
    none. ``entries`` and ``bytes`` cap a bundle; ``conditional_entries`` caps one with a conditional entry in it.
    """

    family: Family
    title: str
    client_ids: bool
    bundle: BundleKind | None
    entries: int
    bytes: int
    conditional_entries: int | None = None


PRESETS: dict[Family, Preset] = {
    preset.family: preset
    for preset in (
        Preset("hapi", "HAPI FHIR", True, "transaction", 100, _MB),
        Preset("smile", "Smile CDR", True, "transaction", 100, _MB),
        Preset("azure", "Azure Health Data Services", True, "transaction", 100, _MB),
        # whether Google takes client ids is a setting of the store, which it declares
        Preset("google", "Google Cloud Healthcare", False, "transaction", 500, 10 * _MB),
        Preset("healthlake", "AWS HealthLake", True, "transaction", 150, 4 * _MB),
        Preset("medplum", "Medplum", False, "transaction", 50, 4 * _MB, conditional_entries=8),
        Preset("iris", "InterSystems IRIS for Health", False, "transaction", 100, _MB),
        Preset("epic", "Epic", False, None, 1, _MB),
        Preset("oracle", "Oracle Health Millennium", False, "batch", 20, _MB),
        Preset("meditech", "MEDITECH", False, None, 1, _MB),
    )
}
"""By family; ``other`` has none."""

_MARKS: tuple[tuple[str, Family], ...] = (
    ("smile cdr", "smile"),
    ("smiledigitalhealth", "smile"),
    ("hapi fhir", "hapi"),
    ("healthlake", "healthlake"),
    ("medplum", "medplum"),
    ("intersystems", "iris"),
    ("iris for health", "iris"),
    ("azure", "azure"),
    ("microsoft", "azure"),
    ("google", "google"),
    ("oracle health", "oracle"),
    ("cerner", "oracle"),
    ("meditech", "meditech"),
    ("medical information technology", "meditech"),
    ("epic", "epic"),
)


def detect_family(capabilities: Capabilities) -> Family:
    """The family by the names a server gives itself: its software first, then publisher and description."""
    for words in (capabilities.software, capabilities.publisher, capabilities.description):
        lowered = (words or "").lower()
        for mark, family in _MARKS:
            if mark in lowered:
                return family
    return "other"


@dataclass(frozen=True, slots=True)
class Limits:
    """How a server takes many resources at once: in which bundle (``None``: one by one) and how large."""

    bundle: BundleKind | None
    entries: int
    bytes: int


def limits(capabilities: Capabilities, family: Family, *, is_conditional: bool = False) -> Limits:
    """The limits of a bundle; of one with conditional entries where ``is_conditional``.

    What is declared goes before what is known of the family; a family's preset counts where nothing is declared.
    """
    preset = PRESETS.get(family)
    declared = capabilities.system_interactions
    bundle: BundleKind | None = None
    if "transaction" in declared:
        bundle = "transaction"
    elif "batch" in declared:
        bundle = "batch"
    elif preset is not None:
        bundle = preset.bundle
    if preset is None:
        return Limits(bundle, 100 if bundle else 1, _MB)
    entries = preset.conditional_entries if is_conditional and preset.conditional_entries else preset.entries
    return Limits(bundle, entries if bundle else 1, preset.bytes)

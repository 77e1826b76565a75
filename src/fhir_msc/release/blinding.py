"""Blinding: what tells the arm does not leave for a blind target.

The pack's seals keep it out at the source's door; here records that were made by hand are refused all the same, so that
no path leads around the door (ICH E6(R3) 4.1; E9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fhir_msc.errors import BlindError, UsageError
from fhir_msc.trial import CellProduct, Infusion, Observation, Participant, Record, Study

BLINDED_CELLS = "ip-msc-blinded"
BLINDED_PRODUCT = "ip-blinded"
BLINDED_PRODUCTS = (BLINDED_CELLS, BLINDED_PRODUCT)
"""Codes of the investigational-product code system that stand for every arm."""

SEALED_FIELDS: Mapping[type[object], tuple[str, ...]] = {
    Participant: ("arm", "actual_arm"),
    Infusion: ("end", "product", "dose", "volume", "dose_text", "lot", "kit", "device"),
    Observation: ("device",),
}
"""The fields that tell the arm, or may tell it, by the class of their records."""


def refuse_sealed(record: Record) -> None:
    """Raises BlindError for a record that carries a sealed field; the message names the field, not what it holds."""
    if isinstance(record, CellProduct):
        raise BlindError("a cell product is sealed as a whole in a blind project")
    for name in SEALED_FIELDS.get(type(record), ()):
        if getattr(record, name) is not None:
            raise BlindError(
                f"{type(record).__name__}.{name} is sealed in a blind project",
                hint="seal its column in the pack, or leave the field empty",
            )


def refuse_unsealed_pack(study: Study, blind: bool, seals_anything: bool, pack: str) -> None:
    """Raises UsageError where a blind project of a masked study would run with a pack that seals nothing."""
    if blind and study.is_masked and not seals_anything:
        raise UsageError(
            f"the study is masked ({study.masking}), but the pack {pack} seals nothing",
            hint="name the columns and tables that tell the arm under `sealed` in pack.yaml",
        )


def refuse_open_products(blind: bool, tables: Sequence[str], pack: str) -> None:
    """Raises UsageError where a blind project's pack leaves tables of the cell product or of devices open, whether
    they have rows or not: that a unit exists tells the arm, and so would an error that comes with the first of them."""
    if blind and tables:
        raise UsageError(
            f"the pack {pack} maps products or devices in a blind project, and does not seal {', '.join(tables)}",
            hint="name these tables under `sealed: tables` in pack.yaml",
        )

from __future__ import annotations

import pytest

from fhir_msc.errors import BlindError, UsageError
from fhir_msc.release.blinding import refuse_open_products, refuse_sealed, refuse_unsealed_pack
from fhir_msc.trial import (
    CellProduct,
    Concept,
    Infusion,
    Observation,
    ObservationDescription,
    Participant,
    Quantity,
    Record,
    Study,
)

KEY = ("k",)
SECRET = "the arm"


@pytest.mark.parametrize(
    "record",
    [
        Participant(KEY, "S", (), arm=SECRET),
        Participant(KEY, "S", (), actual_arm=SECRET),
        Infusion(KEY, "S", (), "2020", end=SECRET),
        Infusion(KEY, "S", (), "2020", lot=SECRET),
        Infusion(KEY, "S", (), "2020", kit=SECRET),
        Infusion(KEY, "S", (), "2020", product=Concept(text=SECRET)),
        Infusion(KEY, "S", (), "2020", dose=Quantity(SECRET)),
        Infusion(KEY, "S", (), "2020", volume=Quantity(SECRET)),
        Infusion(KEY, "S", (), "2020", dose_text=SECRET),
        CellProduct(KEY, "S", ()),
    ],
)
def test_a_record_that_tells_the_arm_is_refused_without_telling_it(record: Record) -> None:
    with pytest.raises(BlindError) as refused:
        refuse_sealed(record)
    assert SECRET not in str(refused.value)


def test_others_pass() -> None:
    for record in (
        Participant(KEY, "S", (), site="1"),
        Infusion(KEY, "S", (), "2020", status="not-done"),
        Observation(KEY, "S", (), ObservationDescription("laboratory", Concept(text="x"))),
    ):
        refuse_sealed(record)


def test_a_masked_study_needs_a_pack_that_seals() -> None:
    masked, open_label = Study("S", "T", masking="double"), Study("S", "T", masking="none")
    with pytest.raises(UsageError, match="seals nothing"):
        refuse_unsealed_pack(masked, True, False, "p")
    refuse_unsealed_pack(masked, True, True, "p")
    refuse_unsealed_pack(masked, False, False, "p")
    refuse_unsealed_pack(open_label, True, False, "p")


def test_a_blind_project_needs_every_table_of_the_product_sealed() -> None:
    with pytest.raises(UsageError, match="does not seal bank, pharmacy"):
        refuse_open_products(True, ["bank", "pharmacy"], "p")
    refuse_open_products(True, [], "p")
    refuse_open_products(False, ["pharmacy"], "p")

"""BiologicallyDerivedProduct: one unit of the cell product, from its donor to its thaw. Of an unblinded target alone.

R4: http://hl7.org/fhir/R4/biologicallyderivedproduct.html. R4 has no element for the number of cells, viability,
passage and expiry: they stand in the project's own extensions, for HL7's engine for R4 refuses those that stand for
elements of R5. The donor is a code in a logical reference, never a Patient. R4 has no search by identifier for this
type: it is found by its id. No element of another type may refer to it but Provenance.entity, Observation.focus and
MedicationAdministration.supportingInformation.
"""

from __future__ import annotations

from fhir_msc.errors import BlindError
from fhir_msc.resources.body import Body, Number
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import codeable_concept, present, quantity
from fhir_msc.trial import CellProduct, Quantity

_SCALES = {"Cel": "celsius", "[degF]": "farenheit", "K": "kelvin"}
"""R4's product-storage-scale by UCUM unit; ``farenheit`` is how R4 spells it."""


def build(record: CellProduct, links: Links, context: ResourceContext) -> Body:
    """The BiologicallyDerivedProduct of a unit. Raises BlindError in a blind context: that it exists tells the arm."""
    if context.blind:
        raise BlindError("a cell product is sealed as a whole in a blind project")
    return present(
        {
            "resourceType": "BiologicallyDerivedProduct",
            "id": links.rid,
            "meta": context.meta(),
            "extension": _extensions(record, context) or None,
            "identifier": [
                context.sync_identifier(links.rid),
                *(
                    {"system": context.identifier_system(name), "value": value}
                    for name, value in (("kit", record.kit), ("lot", record.lot))
                    if value is not None
                ),
            ],
            "productCategory": "cells",
            "productCode": codeable_concept(record.product, context),
            "status": None if record.available is None else "available" if record.available else "unavailable",
            "collection": _collection(record, context),
            "processing": _processing(record) or None,
            "manipulation": None if record.thawed is None else {"description": "Thaw", "timeDateTime": record.thawed},
            "storage": _storage(record.storage_temperature),
        }
    )


def _extensions(record: CellProduct, context: ResourceContext) -> list[Body]:
    amounts = (("cell-count", record.cells), ("cell-viability", record.viability))
    found: list[Body] = [
        {
            "url": context.extension(name),
            "valueQuantity": quantity(amount.value, amount.unit, amount.comparator),
        }
        for name, amount in amounts
        if amount is not None
    ]
    if record.passage is not None:
        found.append({"url": context.extension("cell-passage"), "valueInteger": int(record.passage)})
    if record.expiry is not None:
        found.append({"url": context.extension("product-expiry"), "valueDateTime": record.expiry})
    return found


def _collection(record: CellProduct, context: ResourceContext) -> Body | None:
    donor = record.donor and {
        "type": "Patient",
        "identifier": {"system": context.identifier_system("donor"), "value": record.donor},
    }
    return present({"source": donor or None, "collectedDateTime": record.collected}) or None


def _processing(record: CellProduct) -> list[Body]:
    """The steps in their order; the end of the manufacture is the time of the last."""
    steps: list[Body] = [{"description": step} for step in record.processing]
    if record.processed is not None:
        last = steps.pop() if steps else {}
        steps.append({**last, "timeDateTime": record.processed})
    return steps


def _storage(temperature: Quantity | None) -> list[Body] | None:
    scale = _SCALES.get((temperature.unit.ucum if temperature.unit else None) or "") if temperature else None
    if temperature is None or scale is None:
        return None
    return [{"temperature": Number(temperature.value), "scale": scale}]

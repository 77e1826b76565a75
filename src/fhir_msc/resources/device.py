"""Device: what the trial's infusions were given with and its results measured with, as far as the sponsor describes it.

R4: http://hl7.org/fhir/R4/device.html. It belongs to the study, and names no participant.
"""

from __future__ import annotations

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import present
from fhir_msc.trial import Device

IDENTIFIER = "device"
"""The identifier system of the sponsor's own identifiers of devices (SDTM SPDEVID)."""


def build(record: Device, links: Links, context: ResourceContext) -> Body:
    """The Device."""
    return present(
        {
            "resourceType": "Device",
            "id": links.rid,
            "meta": context.meta(),
            "identifier": [
                context.sync_identifier(links.rid),
                {"system": context.identifier_system(IDENTIFIER), "value": record.identifier},
            ],
            "manufacturer": record.manufacturer,
            "lotNumber": record.lot,
            "serialNumber": record.serial,
            "deviceName": [{"name": record.name, "type": "user-friendly-name"}] if record.name else None,
            "modelNumber": record.model,
            "type": {"text": record.kind} if record.kind else None,
        }
    )


def device_reference(known: str | None, other: str | None, context: ResourceContext) -> Body | None:
    """What something was done with: by the id of its Device, or where the source does not describe it by its
    identifier."""
    if known is not None:
        return {"reference": f"Device/{known}"}
    if other is None:
        return None
    return {"type": "Device", "identifier": {"system": context.identifier_system(IDENTIFIER), "value": other}}

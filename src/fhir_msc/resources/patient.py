"""Patient: a participant under a pseudonym.

R4: http://hl7.org/fhir/R4/patient.html. No name, no address and no subject code: the subject code stands in the
ResearchSubject alone. PSEUDED is v3-ObservationValue's integrity label "pseudonymized".
"""

from __future__ import annotations

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import present, reference
from fhir_msc.trial import Participant

_PSEUDONYMOUS = (("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "PSEUDED"),)


def build(record: Participant, links: Links, context: ResourceContext) -> Body:
    """The pseudonymous Patient; dates keep the precision they have (a year alone will do)."""
    return present(
        {
            "resourceType": "Patient",
            "id": links.rid,
            "meta": context.meta(security=_PSEUDONYMOUS),
            "identifier": [context.sync_identifier(links.rid)],
            "gender": record.sex,
            "birthDate": record.birth_date,
            "deceasedBoolean": True if record.died and record.death_date is None else None,
            "deceasedDateTime": record.death_date,
            "managingOrganization": reference("Organization", links.service_provider),
        }
    )

"""For every invariant of severity error: objects of its type of which it holds, and such of which it does not.

Other things may be wrong with the objects: only the invariant is asked. Nothing of them is taken from elsewhere.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

TEXT: Json = {"text": "x"}
HERE: Json = {"reference": "Patient/1"}
UCUM = "http://unitsofmeasure.org"
SDF = "http://hl7.org/fhir/StructureDefinition/x"


def coded(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def hl7(system: str, code: str) -> Json:
    return coded(f"http://terminology.hl7.org/CodeSystem/{system}", code)


def contained(**members: Any) -> Json:
    return {
        "resourceType": "Patient",
        "contained": [{"resourceType": "Organization", "id": "o", "name": "N", **members}],
        "managingOrganization": {"reference": "#o"},
    }


def entries(kind: str, *found: Json, **members: Any) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": [*found], **members}


def ucum(value: Any, code: str, **members: Any) -> Json:
    return {"value": value, "code": code, "system": UCUM, **members}


def snapshot(*found: Json, **members: Any) -> Json:
    return {"resourceType": "StructureDefinition", "snapshot": {"element": [*found]}, **members}


def differential(*found: Json, **members: Any) -> Json:
    return {"resourceType": "StructureDefinition", "differential": {"element": [*found]}, **members}


def guide(versions: list[str], *resources: Json, **members: Any) -> Json:
    definition = {"resource": [*resources], **members}
    return {"resourceType": "ImplementationGuide", "fhirVersion": versions, "definition": definition}


# What an object below a resource may be asked about: the resource around it, where that is not this.
AROUND: dict[str, Json] = {
    "CareTeam.participant": {
        "resourceType": "CareTeam",
        "contained": [{"resourceType": "Group", "id": "g"}, {"resourceType": "Practitioner", "id": "p"}],
    },
    "StructureDefinition.snapshot": {"resourceType": "StructureDefinition", "kind": "resource", "type": "Patient"},
    "StructureDefinition.differential": {"resourceType": "StructureDefinition", "kind": "resource", "type": "Patient"},
}
CANNOT_FAIL = {"eld-11": "select() gives an answer for each type, and exists() asks only whether there is one"}

ORGANIZATION: Json = {"resourceType": "Organization", "name": "N"}
A = {"url": "http://x.org/a", "valueString": "x"}
OPERATION: Json = {"encodeRequestUrl": True}
FILTER: Json = {"property": "p", "op": "=", "value": "x"}

# fmt: off
# ruff: noqa: E501 - a table: a row for each invariant
CASES: list[tuple[str, str, list[Json], list[Json]]] = [
    # Data types.
    ("Age", "age-1", [ucum(1, "a"), {}], [ucum(0, "a"), {"value": 1}, {"value": 1, "code": "a", "system": "http://x.org"}]),
    ("Attachment", "att-1", [{"data": "aGk=", "contentType": "text/plain"}], [{"data": "aGk="}, {"data": "aGk=", "url": "http://x.org"}]),
    ("ContactPoint", "cpt-2", [{"system": "phone", "value": "1"}, {"use": "home"}], [{"value": "1"}, {"value": "1", "use": "home"}]),
    ("Count", "cnt-3", [ucum(3, "1"), {}], [ucum(3, "g"), {"value": 3}, ucum(1.5, "1")]),
    ("DataRequirement.codeFilter", "drq-1", [{"path": "x"}, {"searchParam": "x"}], [{}, {"path": "x", "searchParam": "x"}]),
    ("DataRequirement.dateFilter", "drq-2", [{"path": "x"}, {"searchParam": "x"}], [{}, {"path": "x", "searchParam": "x"}]),
    ("Distance", "dis-1", [ucum(1, "m")], [{"value": 1}, {"value": 1, "code": "m", "system": "http://x.org"}]),
    ("Duration", "drt-1", [ucum(1, "d")], [{"code": "d", "system": UCUM}, {"code": "d", "value": 1, "system": "http://x.org"}]),
    ("Expression", "exp-1", [{"expression": "x"}, {"reference": "http://x.org"}], [{}, {"language": "text/cql"}]),
    ("Extension", "ext-1", [A, {"url": "x", "extension": [A]}], [{"url": "x"}, {**A, "extension": [A]}]),
    ("Period", "per-1", [{"start": "2021", "end": "2021"}, {"start": "2021"}], [{"start": "2021-02", "end": "2021-01"}, {"start": "2021", "end": "2021-05"}]),
    ("Quantity", "qty-3", [{"code": "g", "system": "http://x.org"}, {"value": 1}], [{"code": "g"}, {"value": 1, "code": "g", "unit": "g"}]),
    ("Range", "rng-2", [{"low": {"value": 1}, "high": {"value": 1.0}}, {"low": {"value": 1}}], [{"low": {"value": 2}, "high": {"value": 1}}, {"low": ucum(2, "g"), "high": ucum(3, "mg")}]),
    ("Ratio", "rat-1", [{"numerator": {"value": 1}, "denominator": {"value": 2}}, {"extension": [A]}], [{"numerator": {"value": 1}}, {"denominator": {"value": 1}}, {}]),
    ("SimpleQuantity", "sqty-1", [{"value": 1}], [{"value": 1, "comparator": "<"}, {"comparator": ">"}]),
    ("Timing.repeat", "tim-1", [{"duration": 1, "durationUnit": "h"}], [{"duration": 1}, {"duration": 1, "periodUnit": "h"}]),
    ("Timing.repeat", "tim-2", [{"period": 1, "periodUnit": "h"}], [{"period": 1}, {"period": 1, "durationUnit": "h"}]),
    ("Timing.repeat", "tim-4", [{"duration": 0}, {"duration": 1.5}], [{"duration": -1}, {"duration": -0.1}]),
    ("Timing.repeat", "tim-5", [{"period": 0}, {}], [{"period": -1}, {"period": -0.5}]),
    ("Timing.repeat", "tim-6", [{"period": 1, "periodMax": 2}], [{"periodMax": 2}, {"periodMax": 2, "periodUnit": "h"}]),
    ("Timing.repeat", "tim-7", [{"duration": 1, "durationMax": 2}], [{"durationMax": 2}, {"durationMax": 2, "durationUnit": "h"}]),
    ("Timing.repeat", "tim-8", [{"count": 1, "countMax": 2}], [{"countMax": 2}, {"countMax": 2, "period": 1}]),
    ("Timing.repeat", "tim-9", [{"offset": 1, "when": ["ACM", "HS"]}, {}], [{"offset": 1}, {"offset": 1, "when": ["ACM", "C"]}]),
    ("Timing.repeat", "tim-10", [{"timeOfDay": ["10:00:00"]}, {"when": ["HS"]}], [{"timeOfDay": ["10:00:00"], "when": ["HS"]}, {"timeOfDay": ["10:00:00", "11:00:00"], "when": ["AC", "HS"]}]),
    ("TriggerDefinition", "trd-1", [{"data": [{"type": "Patient"}]}], [{"data": [{"type": "Patient"}], "timingDate": "2021"}, {"data": [{"type": "Patient"}], "timingReference": HERE}]),
    ("TriggerDefinition", "trd-2", [{"condition": {"expression": "x"}, "data": [{"type": "Patient"}]}], [{"condition": {"expression": "x"}}, {"condition": {"expression": "x"}, "name": "x"}]),
    ("TriggerDefinition", "trd-3", [{"type": "named-event", "name": "x"}, {"type": "data-added", "data": [{"type": "Patient"}]}], [{"type": "named-event"}, {"type": "periodic", "name": "x"}, {"type": "data-added", "name": "x"}]),
    # All resources.
    ("DomainResource", "dom-2", [contained()], [contained(contained=[ORGANIZATION]), contained(contained=[ORGANIZATION, ORGANIZATION])]),
    ("Patient", "dom-3", [contained(), {"resourceType": "Patient"}], [{**contained(), "managingOrganization": {"reference": "#other"}}, {**contained(), "managingOrganization": {"display": "#o"}}]),
    ("DomainResource", "dom-4", [contained(meta={"source": "http://x.org"})], [contained(meta={"versionId": "1"}), contained(meta={"lastUpdated": "2021-01-01T00:00:00Z"})]),
    ("DomainResource", "dom-5", [contained(meta={"tag": [{"code": "x"}]})], [contained(meta={"security": [{"code": "R"}]}), contained(meta={"security": [{"code": "R"}], "tag": [{"code": "x"}]})]),
    # Resources that this project sends.
    ("Bundle", "bdl-1", [{"type": "searchset", "total": 1}, {"type": "collection"}], [{"type": "collection", "total": 1}, {"type": "batch", "total": 0}]),
    ("Bundle", "bdl-2", [entries("searchset", {"search": {"mode": "match"}})], [entries("collection", {"search": {"mode": "match"}}), entries("history", {"search": {"score": 1}})]),
    ("Bundle", "bdl-3", [entries("batch", {"request": {}}), entries("collection", {})], [entries("transaction", {"request": {}}, {}), entries("collection", {"request": {}})]),
    ("Bundle", "bdl-4", [entries("batch-response", {"response": {}}), entries("collection", {})], [entries("history", {}), entries("collection", {"response": {}})]),
    ("Bundle", "bdl-7", [entries("collection", {"fullUrl": "urn:a"}, {"fullUrl": "urn:b"}), entries("history", {"fullUrl": "urn:a"}, {"fullUrl": "urn:a"})], [entries("collection", {"fullUrl": "urn:a"}, {"fullUrl": "urn:a"}), entries("batch", *[{"fullUrl": "urn:a", "resource": {"resourceType": "Patient", "meta": {"versionId": "1"}}}] * 2)]),
    ("Bundle", "bdl-9", [entries("document", identifier={"system": "urn:x", "value": "1"}), entries("batch")], [entries("document"), entries("document", identifier={"value": "1"})]),
    ("Bundle", "bdl-10", [entries("document", timestamp="2021-01-01T00:00:00Z"), entries("batch")], [entries("document"), entries("document", _timestamp={"extension": [A]})]),
    ("Bundle", "bdl-11", [entries("document", {"resource": {"resourceType": "Composition"}})], [entries("document"), entries("document", {"resource": ORGANIZATION}, {"resource": {"resourceType": "Composition"}})]),
    ("Bundle", "bdl-12", [entries("message", {"resource": {"resourceType": "MessageHeader"}})], [entries("message"), entries("message", {"resource": ORGANIZATION})]),
    ("Bundle.entry", "bdl-5", [{"resource": ORGANIZATION}, {"response": {"status": "200"}}], [{"fullUrl": "http://x.org"}, {"search": {"mode": "match"}}]),
    ("Bundle.entry", "bdl-8", [{"fullUrl": "http://x.org/Patient/1"}, {}], [{"fullUrl": "http://x.org/Patient/1/_history/1"}, {"fullUrl": "http://x.org/_history/1"}]),
    ("CodeSystem", "csd-1", [{"concept": [{"code": "a", "concept": [{"code": "b"}]}]}], [{"concept": [{"code": "a"}, {"code": "a"}]}, {"concept": [{"code": "a", "concept": [{"code": "a"}]}]}]),
    ("Condition", "con-4", [{"abatementString": "x", "clinicalStatus": hl7("condition-clinical", "resolved")}, {}], [{"abatementString": "x"}, {"abatementDateTime": "2021", "clinicalStatus": hl7("condition-clinical", "active")}]),
    ("Condition", "con-5", [{"clinicalStatus": TEXT}, {"verificationStatus": hl7("condition-ver-status", "entered-in-error")}], [{"clinicalStatus": status, "verificationStatus": hl7("condition-ver-status", "entered-in-error")} for status in (TEXT, hl7("condition-clinical", "active"))]),
    ("Condition.evidence", "con-2", [{"code": [TEXT]}, {"detail": [HERE]}], [{}, {"id": "x"}]),
    ("Condition.stage", "con-1", [{"summary": TEXT}, {"assessment": [HERE]}], [{}, {"type": TEXT}]),
    ("Consent", "ppc-1", [{"policyRule": TEXT}, {"policy": [{"uri": "http://x.org"}]}], [{}, {"status": "active"}]),
    *[
        ("Consent", key, [{"patient": HERE, "scope": coded("something", code)}, {"scope": coded("other", code)}], [{"scope": coded("something", code)}, {"scope": {"coding": [{"code": "x"}, {"system": "something", "code": code}]}}])
        for key, code in (("ppc-2", "patient-privacy"), ("ppc-3", "research"), ("ppc-4", "adr"), ("ppc-5", "treatment"))
    ],
    ("Group", "grp-1", [{"member": [{"entity": HERE}], "actual": True}, {"actual": False}], [{"member": [{"entity": HERE}], "actual": False}, {"member": [{"entity": HERE}]}]),
    ("MedicationAdministration.dosage", "mad-1", [{"dose": {"value": 1}}, {"rateQuantity": {"value": 1}}], [{}, {"text": "x", "route": TEXT}]),
    ("Observation", "obs-6", [{"valueString": "x"}, {"dataAbsentReason": TEXT}], [{"valueString": "x", "dataAbsentReason": TEXT}, {"valueBoolean": False, "dataAbsentReason": TEXT}]),
    ("Observation", "obs-7", [{"resourceType": "Observation", "code": coded("s", "a"), "valueString": "x", "component": [{"code": coded("s", "b")}]}], [{"resourceType": "Observation", "code": coded("s", "a"), "valueString": "x", "component": [*more, {"code": coded("s", "a")}]} for more in ([], [{"code": TEXT}])]),
    ("Observation.referenceRange", "obs-3", [{"text": "x"}, {"low": {"value": 1}}], [{}, {"type": TEXT, "age": {"low": {"value": 1}}}]),
    ("Organization", "org-1", [{"name": "x"}, {"identifier": [{"value": "1"}]}], [{}, {"active": True, "alias": ["x"]}]),
    ("Organization", "org-2", [{"address": [{"use": "work"}]}, {"address": [{"text": "x"}]}], [{"address": [{"use": "home"}]}, {"address": [{"use": "work"}, {"use": "home"}]}]),
    ("Organization", "org-3", [{"telecom": [{"use": "work"}]}, {"telecom": [{"value": "x"}]}], [{"telecom": [{"use": "home"}]}, {"telecom": [{"use": "work"}, {"use": "home"}]}]),
    ("Parameters.parameter", "inv-1", [{"name": "x", "valueString": "x"}, {"resource": ORGANIZATION}, {"part": [{"name": "x"}]}], [{"name": "x"}, {"valueString": "x", "resource": ORGANIZATION}, {"valueString": "x", "part": [{"name": "x"}]}]),
    ("Patient.contact", "pat-1", [{"name": {"text": "x"}}, {"organization": HERE}], [{}, {"gender": "male", "relationship": [TEXT]}]),
    ("ValueSet.compose.include", "vsd-1", [{"system": "http://x.org"}, {"valueSet": ["http://x.org"]}], [{}, {"version": "1"}]),
    ("ValueSet.compose.include", "vsd-2", [{"system": "http://x.org", "concept": [{"code": "a"}]}, {"valueSet": ["http://x.org"]}], [{"concept": [{"code": "a"}]}, {"filter": [FILTER], "valueSet": ["http://x.org"]}]),
    ("ValueSet.compose.include", "vsd-3", [{"concept": [{"code": "a"}]}, {"filter": [FILTER]}], [{"concept": [{"code": "a"}], "filter": [FILTER]}, {"system": "http://x.org", "concept": [{"code": "a"}, {"code": "b"}], "filter": [FILTER]}]),
    ("ValueSet.expansion.contains", "vsd-6", [{"code": "a"}, {"display": "x"}], [{}, {"system": "http://x.org"}]),
    ("ValueSet.expansion.contains", "vsd-9", [{"code": "a"}, {"abstract": True}], [{"display": "x"}, {"abstract": False}]),
    ("ValueSet.expansion.contains", "vsd-10", [{"code": "a", "system": "http://x.org"}, {"display": "x"}], [{"code": "a"}, {"code": "a", "display": "x"}]),
    # The other resources.
    ("AllergyIntolerance", "ait-1", [{"clinicalStatus": TEXT}, {"verificationStatus": hl7("allergyintolerance-verification", "entered-in-error")}], [{}, {"verificationStatus": hl7("allergyintolerance-verification", "confirmed")}]),
    ("AllergyIntolerance", "ait-2", [{"clinicalStatus": TEXT}, {"verificationStatus": hl7("allergyintolerance-verification", "entered-in-error")}], [{"clinicalStatus": status, "verificationStatus": hl7("allergyintolerance-verification", "entered-in-error")} for status in (TEXT, hl7("allergyintolerance-clinical", "active"))]),
    ("Appointment", "app-2", [{}, {"start": "2021-01-01T00:00:00Z", "end": "2021-01-01T01:00:00Z"}], [{"start": "2021-01-01T00:00:00Z"}, {"end": "2021-01-01T00:00:00Z"}]),
    ("Appointment", "app-3", [{"status": "proposed"}, {"status": "booked", "start": "2021-01-01T00:00:00Z", "end": "2021-01-01T01:00:00Z"}], [{"status": "booked"}, {"status": "arrived", "start": "2021-01-01T00:00:00Z"}]),
    ("Appointment", "app-4", [{"resourceType": "Appointment", "status": "cancelled", "cancelationReason": TEXT}], [{"resourceType": "Appointment", "status": status, "cancelationReason": TEXT} for status in ("booked", "proposed")]),
    ("Appointment.participant", "app-1", [{"type": [TEXT]}, {"actor": HERE}], [{}, {"status": "accepted"}]),
    ("AppointmentResponse", "apr-1", [{"participantType": [TEXT]}, {"actor": HERE}], [{}, {"participantStatus": "accepted"}]),
    ("AuditEvent.entity", "sev-1", [{"name": "x"}, {"query": "aGk="}], [{"name": "x", "query": "aGk="}, {"name": "x", "query": "aGk=", "description": "x"}]),
    ("CapabilityStatement", "cpb-1", [{"rest": [{"mode": "server"}]}, {"document": [{"mode": "producer"}]}], [{}, {"kind": "instance"}]),
    ("CapabilityStatement", "cpb-2", [{"description": "x"}, {"software": {"name": "x"}}], [{}, {"name": "x", "title": "x"}]),
    ("CapabilityStatement", "cpb-3", [{"kind": "instance", "messaging": [{"endpoint": [{"address": "x"}]}]}, {"kind": "capability"}], [{"kind": kind, "messaging": [{"endpoint": [{"address": "x"}]}]} for kind in ("capability", "requirements")]),
    ("CapabilityStatement", "cpb-7", [{"document": [{"mode": "producer", "profile": "http://x.org"}, {"mode": "consumer", "profile": "http://x.org"}]}], [{"document": [{"mode": "producer", "profile": "http://x.org"}] * count} for count in (2, 3)]),
    ("CapabilityStatement", "cpb-14", [{"kind": "instance", "implementation": {"description": "x"}}, {"kind": "capability"}], [{"kind": "instance"}, {"kind": "instance", "software": {"name": "x"}}]),
    ("CapabilityStatement", "cpb-15", [{"kind": "capability", "software": {"name": "x"}}, {"kind": "instance"}], [{"kind": "capability"}, {"kind": "capability", "software": {"name": "x"}, "implementation": {"description": "x"}}]),
    ("CapabilityStatement", "cpb-16", [{"kind": "requirements"}, {"kind": "instance", "software": {"name": "x"}}], [{"kind": "requirements", "software": {"name": "x"}}, {"kind": "requirements", "implementation": {"description": "x"}}]),
    ("CapabilityStatement.rest", "cpb-9", [{"resource": [{"type": "Patient"}, {"type": "Group"}]}], [{"resource": [{"type": "Patient"}, {"type": "Patient"}]}, {"resource": [{"type": "Group"}, {"type": "Patient"}, {"type": "Group"}]}]),
    ("CapabilityStatement.rest.resource", "cpb-12", [{"searchParam": [{"name": "a"}, {"name": "b"}]}], [{"searchParam": [{"name": "a"}, {"name": "a"}]}, {"searchParam": [{"name": "a", "type": "token"}, {"name": "a", "type": "uri"}]}]),
    ("CarePlan.activity", "cpl-3", [{"detail": {"status": "completed"}}, {"reference": HERE}], [{"detail": {"status": "completed"}, "reference": HERE}, {"detail": {}, "reference": HERE, "progress": []}]),
    ("CareTeam.participant", "ctm-1", [{"onBehalfOf": HERE, "member": HERE}, {"member": {"reference": "#g"}}, {"onBehalfOf": HERE, "member": {"reference": "#p"}}], [{"onBehalfOf": HERE, "member": {"reference": "#g"}}, {"onBehalfOf": {"display": "x"}, "member": {"reference": "#g"}}]),
    ("Composition.section", "cmp-1", [{"entry": [HERE]}, {"section": [{"title": "x"}]}], [{}, {"title": "x"}]),
    ("Composition.section", "cmp-2", [{"entry": [HERE]}, {"emptyReason": TEXT}], [{"entry": [HERE], "emptyReason": TEXT}, {"entry": [HERE, HERE], "emptyReason": TEXT}]),
    ("ConceptMap.group.element.target", "cmd-1", [{"equivalence": "equal"}, {"equivalence": "narrower", "comment": "x"}], [{"equivalence": "narrower"}, {"equivalence": "inexact"}]),
    ("ConceptMap.group.unmapped", "cmd-2", [{"mode": "fixed", "code": "a"}, {"mode": "provided"}], [{"mode": "fixed"}, {"mode": "fixed", "url": "http://x.org"}]),
    ("ConceptMap.group.unmapped", "cmd-3", [{"mode": "other-map", "url": "http://x.org"}, {"mode": "provided"}], [{"mode": "other-map"}, {"mode": "other-map", "code": "a"}]),
    ("CoverageEligibilityResponse.insurance.item", "ces-1", [{"category": TEXT}, {"productOrService": TEXT}], [{}, {"category": TEXT, "productOrService": TEXT}]),
    ("ElementDefinition", "eld-2", [{"min": 1, "max": "1"}, {"min": 1, "max": "*"}, {"min": 1}], [{"min": 2, "max": "1"}, {"min": 1, "max": "0"}]),
    ("ElementDefinition", "eld-3", [{"max": "*"}, {"max": "3"}, {}], [{"max": "x"}, {"max": "-1"}]),
    ("ElementDefinition", "eld-5", [{"contentReference": "#x"}, {"type": [{"code": "code"}]}], [{"contentReference": "#x", "type": [{"code": "code"}]}, {"contentReference": "#x", "maxLength": 1}]),
    ("ElementDefinition", "eld-6", [{"fixedCode": "x", "type": [{"code": "code"}]}], [{"fixedCode": "x", "type": [{"code": "code"}, {"code": "id"}]}, {"fixedId": "x", "type": [{"code": "code"}, {"code": "id"}, {"code": "uri"}]}]),
    ("ElementDefinition", "eld-7", [{"patternCode": "x", "type": [{"code": "code"}]}], [{"patternCode": "x", "type": [{"code": "code"}, {"code": "id"}]}, {"patternId": "x", "type": [{"code": "code"}, {"code": "id"}, {"code": "uri"}]}]),
    ("ElementDefinition", "eld-8", [{"patternCode": "x"}, {"fixedCode": "x"}], [{"patternCode": "x", "fixedCode": "x"}, {"patternString": "x", "fixedUri": "x"}]),
    ("ElementDefinition", "eld-13", [{"type": [{"code": "code"}, {"code": "id"}]}], [{"type": [{"code": "code"}, {"code": "code"}]}, {"type": [{"code": "id"}, {"code": "code"}, {"code": "id"}]}]),
    ("ElementDefinition", "eld-14", [{"constraint": [{"key": "a"}, {"key": "b"}]}], [{"constraint": [{"key": "a"}, {"key": "a"}]}, {"constraint": [{"key": "a"}, {"key": "b"}, {"key": "a"}]}]),
    ("ElementDefinition", "eld-15", [{"defaultValueCode": "x"}, {"meaningWhenMissing": "x"}], [{"defaultValueCode": "x", "meaningWhenMissing": "x"}, {"defaultValueBoolean": False, "meaningWhenMissing": "x"}]),
    ("ElementDefinition", "eld-16", [{"sliceName": "a/b-c_d[x]@e"}, {}], [{"sliceName": "a b"}, {"sliceName": "a:b"}]),
    ("ElementDefinition", "eld-18", [{"isModifier": True, "isModifierReason": "x"}, {"isModifier": False}], [{"isModifier": True}, {"isModifier": True, "isSummary": True}]),
    ("ElementDefinition", "eld-19", [{"path": "Patient.name"}, {"path": "Observation.value[x]"}], [{"path": "Patient. name"}, {"path": "Patient..name"}]),
    ("ElementDefinition", "eld-22", [{"sliceIsConstraining": True, "sliceName": "x"}], [{"sliceIsConstraining": True}, {"sliceIsConstraining": False}]),
    ("ElementDefinition.binding", "eld-12", [{"valueSet": "http://x.org"}, {"valueSet": "urn:oid:1.2"}], [{"valueSet": "x.org"}, {"valueSet": "ftp://x.org"}]),
    ("ElementDefinition.slicing", "eld-1", [{"discriminator": [{"type": "value", "path": "x"}]}, {"description": "x"}], [{}, {"rules": "open"}]),
    ("ElementDefinition.type", "eld-4", [{"aggregation": ["contained"], "code": "Reference"}, {"code": "id"}], [{"aggregation": ["contained"], "code": "id"}, {"aggregation": ["bundled"], "code": "string"}]),
    ("ElementDefinition.type", "eld-17", [{"targetProfile": ["http://x.org"], "code": "canonical"}, {"code": "id"}], [{"targetProfile": ["http://x.org"], "code": code} for code in ("id", "uri")]),
    ("FamilyMemberHistory", "fhs-1", [{"ageString": "x"}, {"bornDate": "2021"}], [{"ageString": "x", "bornDate": "2021"}, {"ageRange": {}, "bornString": "x"}]),
    ("FamilyMemberHistory", "fhs-2", [{"ageString": "x", "estimatedAge": True}, {}], [{"estimatedAge": True}, {"estimatedAge": False}]),
    ("Goal.target", "gol-1", [{"detailString": "x", "measure": TEXT}, {"measure": TEXT}], [{"detailString": "x"}, {"detailBoolean": False}]),
    ("Immunization.education", "imm-1", [{"documentType": "x"}, {"reference": "http://x.org"}], [{}, {"publicationDate": "2021"}]),
    ("ImmunizationRecommendation.recommendation", "imr-1", [{"vaccineCode": [TEXT]}, {"targetDisease": TEXT}], [{}, {"forecastStatus": TEXT}]),
    ("ImplementationGuide", "ig-2", [guide(["4.0.1"], {"fhirVersion": ["4.0.1"]}), guide(["4.0.1"], {})], [guide(["4.0.1"], {"fhirVersion": ["4.0.0"]}), guide(["4.0.1"], {}, {"fhirVersion": ["4.0.1", "3.0.2"]})]),
    ("ImplementationGuide.definition", "ig-1", [{"grouping": [{"id": "a"}], "resource": [{"groupingId": "a"}]}], [{"grouping": [{"id": "a"}], "resource": [{"groupingId": "b"}]}, {"resource": [{"groupingId": "a"}]}]),
    ("InsurancePlan", "ipn-1", [{"name": "x"}, {"identifier": [{"value": "1"}]}], [{}, {"alias": ["x"]}]),
    ("Linkage", "lnk-1", [{"item": [{"type": "source"}, {"type": "alternate"}]}], [{"item": [{"type": "source"}]}, {}]),
    ("List", "lst-1", [{"emptyReason": TEXT}, {"entry": [{"item": HERE}]}], [{"emptyReason": TEXT, "entry": [{"item": HERE}]}, {"emptyReason": TEXT, "entry": [{"item": HERE}] * 2}]),
    ("List", "lst-2", [{"mode": "changes", "entry": [{"deleted": True}]}, {"mode": "working", "entry": [{}]}], [{"mode": "working", "entry": [{"deleted": True}]}, {"mode": "snapshot", "entry": [{}, {"deleted": False}]}]),
    ("List", "lst-3", [{"mode": "working", "entry": [{"date": "2021"}]}, {"mode": "changes", "entry": [{}]}], [{"mode": "changes", "entry": [{"date": "2021"}]}, {"mode": "snapshot", "entry": [{}, {"date": "2021"}]}]),
    ("Measure", "mea-1", [{"group": [{"stratifier": [{"code": TEXT}, {"component": [{"code": TEXT}]}]}]}], [{"group": [{"stratifier": [{"code": TEXT, "component": [{"code": TEXT}]}]}]}, {"group": [{"stratifier": [{}]}]}]),
    ("MeasureReport", "mrp-1", [{"type": "data-collection"}, {"type": "summary", "group": [{}]}], [{"type": "data-collection", "group": [{"code": TEXT}] * count} for count in (1, 2)]),
    ("MeasureReport", "mrp-2", [{"group": [{"stratifier": [{"stratum": [{"value": TEXT}]}]}]}], [{"group": [{"stratifier": [{"stratum": [stratum]}]}]} for stratum in ({}, {"value": TEXT, "component": [{"code": TEXT, "value": TEXT}]})]),
    ("MedicationDispense", "mdd-1", [{"whenPrepared": "2021-01-01", "whenHandedOver": "2021-01-02"}, {"whenPrepared": "2021"}], [{"whenPrepared": "2021-01-02", "whenHandedOver": "2021-01-01"}, {"whenPrepared": "2021-02", "whenHandedOver": "2020"}]),
    ("MessageDefinition.focus", "md-1", [{"max": "*"}, {"max": "2"}], [{"max": "0"}, {"max": "-1"}]),
    ("MolecularSequence", "msq-3", [{"coordinateSystem": 0}, {"coordinateSystem": 1}], [{"coordinateSystem": 2}, {"coordinateSystem": -1}]),
    ("MolecularSequence.referenceSeq", "msq-5", [{}, {"chromosome": TEXT, "genomeBuild": "x"}], [{"chromosome": TEXT}, {"genomeBuild": "x"}]),
    ("MolecularSequence.referenceSeq", "msq-6", [{"genomeBuild": "x"}, {"referenceSeqString": "x"}], [{}, {"genomeBuild": "x", "referenceSeqId": TEXT}]),
    ("NamingSystem", "nsd-1", [{"kind": "root", "uniqueId": [{"type": "oid"}]}, {"kind": "identifier", "uniqueId": [{"type": "uuid"}]}], [{"kind": "root", "uniqueId": [*more, {"type": "uuid"}]} for more in ([], [{"type": "oid"}])]),
    ("NamingSystem", "nsd-2", [{"uniqueId": [{"type": "oid", "preferred": True}, {"type": "oid"}]}], [{"uniqueId": [{"type": "oid", "preferred": True}] * count} for count in (2, 3)]),
    ("OperationDefinition.parameter", "opd-1", [{"type": "string"}, {"part": [{"name": "x"}]}], [{}, {"name": "x"}]),
    ("OperationDefinition.parameter", "opd-2", [{"type": "string", "searchType": "token"}, {"type": "code"}], [{"type": "code", "searchType": "token"}, {"searchType": "token"}]),
    ("OperationDefinition.parameter", "opd-3", [{"targetProfile": ["http://x.org"], "type": "Reference"}, {"targetProfile": ["http://x.org"], "type": "Patient"}], [{"targetProfile": ["http://x.org"], "type": kind} for kind in ("string", "Coding")]),
    ("Questionnaire", "que-2", [{"item": [{"linkId": "a", "item": [{"linkId": "b"}]}]}], [{"item": [{"linkId": "a"}, {"linkId": "a"}]}, {"item": [{"linkId": "a", "item": [{"linkId": "a"}]}]}]),
    ("Questionnaire.item", "que-1", [{"type": "group", "item": [{}]}, {"type": "display"}], [{"type": "group"}, {"type": "display", "item": [{"linkId": "x"}]}]),
    ("Questionnaire.item", "que-3", [{"type": "display"}, {"type": "group", "code": [{"code": "x"}]}], [{"type": "display", "code": [{"code": "x"}] * count} for count in (1, 2)]),
    ("Questionnaire.item", "que-4", [{"answerOption": [{"valueString": "x"}]}, {"answerValueSet": "http://x.org"}], [{"type": kind, "answerOption": [{"valueString": "x"}], "answerValueSet": "http://x.org"} for kind in ("choice", "open-choice")]),
    ("Questionnaire.item", "que-5", [{"type": "choice", "answerOption": [{}]}, {"type": "group"}], [{"type": "group", "answerOption": [{"valueString": "x"}]}, {"type": "boolean", "answerValueSet": "http://x.org"}]),
    ("Questionnaire.item", "que-6", [{"type": "display"}, {"type": "string", "required": True}], [{"type": "display", "required": True}, {"type": "display", "repeats": False}]),
    ("Questionnaire.item", "que-8", [{"type": "group"}, {"type": "string", "initial": [{"valueString": "x"}]}], [{"type": kind, "initial": [{"valueString": "x"}]} for kind in ("group", "display")]),
    ("Questionnaire.item", "que-9", [{"type": "display"}, {"type": "string", "readOnly": True}], [{"type": "display", "readOnly": True}, {"type": "display", "readOnly": False}]),
    ("Questionnaire.item", "que-10", [{"type": "string", "maxLength": 1}, {"type": "group"}], [{"type": kind, "maxLength": 1} for kind in ("group", "date")]),
    ("Questionnaire.item", "que-11", [{"initial": [{"valueString": "x"}]}, {"answerOption": [{"valueString": "x"}]}], [{"type": kind, "initial": [{"valueString": "x"}], "answerOption": [{"valueString": "x"}]} for kind in ("choice", "open-choice")]),
    ("Questionnaire.item", "que-12", [{"enableWhen": [{}]}, {"enableWhen": [{}, {}], "enableBehavior": "any"}], [{"enableWhen": [{"question": "x"}] * count} for count in (2, 3)]),
    ("Questionnaire.item", "que-13", [{"initial": [{}]}, {"repeats": True, "initial": [{}, {}]}], [{"initial": [{"valueString": "x"}] * 2}, {"repeats": False, "initial": [{"valueString": "x"}] * 2}]),
    ("Questionnaire.item.enableWhen", "que-7", [{"operator": "exists", "answerBoolean": True}, {"operator": "=", "answerString": "x"}], [{"operator": "exists", "answerString": "x"}, {"operator": "exists", "answerInteger": 1}]),
    ("QuestionnaireResponse.item", "qrs-1", [{"answer": [{"valueString": "x"}]}, {"item": [{"linkId": "x"}]}], [{"answer": [{"valueString": "x"}], "item": [{"linkId": "x"}] * count} for count in (1, 2)]),
    ("RequestGroup.action", "rqg-1", [{"resource": HERE}, {"action": [{"title": "x"}]}], [{}, {"resource": HERE, "action": [{"title": "x"}]}]),
    ("RiskAssessment.prediction", "ras-1", [{"probabilityRange": {"low": ucum(1, "%"), "high": ucum(2, "%")}}, {"probabilityDecimal": 1}], [{"probabilityRange": {"low": ucum(1, "g")}}, {"probabilityRange": {"low": ucum(1, "%"), "high": {"value": 2, "code": "%"}}}]),
    ("RiskAssessment.prediction", "ras-2", [{"probabilityDecimal": 100}, {}, {"probabilityRange": {}}], [{"probabilityDecimal": 101}, {"probabilityDecimal": 100.5}]),
    ("SearchParameter", "spd-1", [{"xpath": "x", "xpathUsage": "normal"}, {}], [{"xpath": "x"}, {"xpath": "x", "expression": "x"}]),
    ("SearchParameter", "spd-2", [{"chain": ["x"], "type": "reference"}, {"type": "token"}], [{"chain": ["x"], "type": kind} for kind in ("token", "string")]),
    ("ServiceRequest", "prr-1", [{"orderDetail": [TEXT], "code": TEXT}, {}], [{"orderDetail": [TEXT]}, {"orderDetail": [TEXT, TEXT], "status": "active"}]),
    ("StructureDefinition", "sdf-1", [snapshot({"path": "a"}, {"path": "b"}), snapshot({"path": "a"}, {"path": "a"}, derivation="constraint")], [snapshot({"path": "a"}, {"path": "a"}), snapshot({"path": "a"}, {"path": "b"}, {"path": "a"}, derivation="specialization")]),
    ("StructureDefinition", "sdf-4", [{"abstract": True}, {"baseDefinition": "http://x.org"}], [{}, {"abstract": False}]),
    ("StructureDefinition", "sdf-5", [{"type": "Patient"}, {"type": "Extension", "derivation": "constraint", "context": [{"type": "element"}]}], [{"type": "Extension"}, {"type": "Extension", "derivation": "constraint"}]),
    ("StructureDefinition", "sdf-6", [snapshot({"path": "a"}), differential({"path": "a"})], [{}, {"name": "x"}]),
    ("StructureDefinition", "sdf-9", [snapshot({"path": "a"}, {"path": "a.b", "label": "x"})], [snapshot({"path": "a", "label": "x"}), differential({"path": "a", "requirements": "x"})]),
    ("StructureDefinition", "sdf-11", [snapshot({"path": "a"}, kind="resource", type="a"), snapshot({"path": "a"}, kind="logical", type="b")], [snapshot({"path": "a"}, kind=kind, type="b") for kind in ("resource", "complex-type")]),
    ("StructureDefinition", "sdf-14", [snapshot({"id": "a"}), differential({"id": "a"}, {"id": "b"})], [snapshot({"path": "a"}), differential({"id": "a"}, {"path": "b"})]),
    ("StructureDefinition", "sdf-15", [snapshot({"path": "a"}, kind="resource"), snapshot({"type": [{"code": "a"}]}, kind="logical")], [snapshot({"type": [{"code": "a"}]}, kind=kind) for kind in ("resource", "complex-type")]),
    ("StructureDefinition", "sdf-15a", [differential({"path": "a"}, kind="resource"), differential({"path": "a.b", "type": [{"code": "a"}]}, kind="resource")], [differential({"path": "a", "type": [{"code": "a"}]}, kind=kind) for kind in ("resource", "complex-type")]),
    ("StructureDefinition", "sdf-16", [snapshot({"id": "a"}, {"id": "b"})], [snapshot({"id": "a"}, {"id": "a"}), snapshot({"id": "a"}, {"path": "b"})]),
    ("StructureDefinition", "sdf-17", [differential({"id": "a"}, {"id": "b"})], [differential({"id": "a"}, {"id": "a"}), differential({"id": "a"}, {"path": "b"})]),
    ("StructureDefinition", "sdf-18", [{"contextInvariant": ["x"], "type": "Extension"}, {"type": "Patient"}], [{"contextInvariant": ["x"], "type": kind} for kind in ("Patient", "Element")]),
    ("StructureDefinition", "sdf-19", [differential({"type": [{"code": "string"}]}, url=SDF), snapshot({"type": [{"code": "x y"}]}, url="http://x.org")], [differential({"type": [{"code": "x y"}]}, url=SDF), snapshot({"type": [{"code": "http://x.org"}]}, url=SDF)]),
    ("StructureDefinition", "sdf-21", [differential({"defaultValueCode": "x"}, derivation="specialization"), differential({}, derivation="constraint")], [differential({"defaultValueCode": "x"}, derivation="constraint"), differential({"path": "a"}, {"defaultValueBoolean": True}, derivation="constraint")]),
    ("StructureDefinition", "sdf-22", [snapshot({"path": "a"}, url=SDF), snapshot({"defaultValueCode": "x"}, url="http://x.org")], [snapshot({"defaultValueCode": "x"}, url=SDF), differential({"defaultValueCode": "x"}, url=SDF)]),
    ("StructureDefinition", "sdf-23", [snapshot({"path": "a"}, {"path": "a.b", "sliceName": "x"})], [snapshot({"path": "a", "sliceName": "x"}), differential({"path": "a", "sliceName": "x"})]),
    ("StructureDefinition.differential", "sdf-20", [{"element": [{"path": "a"}, {"path": "a.b", "slicing": {"rules": "open"}}]}], [{"element": [{"path": "a", "slicing": {"rules": rules}}]} for rules in ("open", "closed")]),
    ("StructureDefinition.mapping", "sdf-2", [{"name": "x"}, {"uri": "http://x.org"}], [{}, {"identity": "x"}]),
    ("StructureDefinition.snapshot", "sdf-3", [{"element": [{"definition": "x", "min": 0, "max": "1"}]}], [{"element": [{"min": 0, "max": "1"}]}, {"element": [{"definition": "x", "min": 0, "max": "1"}, {"definition": "x", "min": 0}]}]),
    ("StructureDefinition.snapshot", "sdf-8b", [{"element": [{"base": {"path": "a"}}]}], [{"element": [{"path": "a"}]}, {"element": [{"base": {"path": "a"}}, {"path": "a"}]}]),
    ("StructureDefinition.snapshot", "sdf-10", [{"element": [{"binding": {"description": "x"}}, {"path": "a"}]}, {"element": [{"binding": {"valueSet": "http://x.org"}}]}], [{"element": [{"binding": {"strength": "required"}}]}, {"element": [{"path": "a"}, {"binding": {"strength": "example"}}]}]),
    ("StructureDefinition.snapshot", "sdf-8", [{"element": [{"path": "Patient"}, {"path": "Patient.name"}]}], [{"element": [{"path": "Group"}]}, {"element": [{"path": "Patient"}, {"path": "Group.name"}]}]),
    ("StructureDefinition.differential", "sdf-8a", [{"element": [{"path": "Patient"}, {"path": "Patient.name"}]}], [{"element": [{"path": "Group"}]}, {"element": [{"path": "Patient.name"}, {"path": "Group.name"}]}]),
    ("StructureMap.group.rule.target", "smp-1", [{"element": "x", "context": "x"}, {}], [{"element": "x"}, {"element": "x", "variable": "x"}]),
    ("StructureMap.group.rule.target", "smp-2", [{"context": "x", "contextType": "type"}, {}], [{"context": "x"}, {"context": "x", "element": "x"}]),
    ("Task", "inv-1", [{"authoredOn": "2021-01-01", "lastModified": "2021-01-01"}, {"authoredOn": "2021"}], [{"authoredOn": "2021-01-02", "lastModified": "2021-01-01"}, {"authoredOn": "2021-01-01", "lastModified": "2020"}]),
    ("TerminologyCapabilities", "tcp-2", [{"description": "x"}, {"software": {"name": "x"}}], [{}, {"name": "x"}]),
    ("TerminologyCapabilities", "tcp-3", [{"kind": "instance", "implementation": {"description": "x"}}, {"kind": "capability"}], [{"kind": "instance"}, {"kind": "instance", "software": {"name": "x"}}]),
    ("TerminologyCapabilities", "tcp-4", [{"kind": "capability", "software": {"name": "x"}}, {"kind": "instance"}], [{"kind": "capability"}, {"kind": "capability", "software": {"name": "x"}, "implementation": {"description": "x"}}]),
    ("TerminologyCapabilities", "tcp-5", [{"kind": "requirements"}, {"kind": "instance", "software": {"name": "x"}}], [{"kind": "requirements", "software": {"name": "x"}}, {"kind": "requirements", "implementation": {"description": "x"}}]),
    ("TerminologyCapabilities.codeSystem", "tcp-1", [{"version": [{"isDefault": True}]}, {"version": [{"code": "1"}, {"code": "2"}]}], [{"version": [{"code": "1"}, {"isDefault": True}]}, {"version": [{"isDefault": True}, {"isDefault": False}]}]),
    *[
        (f"{name}.action", key, [{"operation": OPERATION}, {"assert": {"warningOnly": True}}], [{}, {"operation": OPERATION, "assert": {"warningOnly": True}}])
        for name, key in (("TestReport.setup", "inv-1"), ("TestReport.test", "inv-2"), ("TestScript.setup", "tst-1"), ("TestScript.test", "tst-2"))
    ],
    ("TestScript.metadata", "tst-4", [{"capability": [{"required": True}]}, {"capability": [{"validated": True}]}], [{"capability": [{"description": "x"}]}, {}]),
    ("TestScript.variable", "tst-3", [{"path": "x", "expression": "x"}, {}], [{"path": "x", "expression": "x", "headerField": "x"}, {"name": "x", "path": "y", "expression": "y", "headerField": "y"}]),
    *[
        (name, key, [within({"targetId": "x"}), within({"sourceId": "x"}), within({"type": {"code": "search"}})], [within({}), within({"targetId": "x", "url": "x"})])
        for name, key, within in (
            ("TestScript.setup.action.operation", "tst-7", lambda inner: inner),
            ("TestScript.test.action", "tst-8", lambda inner: {"operation": inner}),
            ("TestScript.teardown.action", "tst-9", lambda inner: {"operation": inner}),
        )
    ],
    *[
        (name, key, [within(one) for one in right], [within(one) for one in wrong])
        for name, within, keys in (
            ("TestScript.setup.action.assert", lambda inner: inner, ("tst-5", "tst-10", "tst-12")),
            ("TestScript.test.action", lambda inner: {"assert": inner}, ("tst-6", "tst-11", "tst-13")),
        )
        for key, right, wrong in zip(
            keys,
            (
                [{"path": "x"}, {"extension": [A], "path": "x", "resource": "Patient"}],
                [{}, {"compareToSourceId": "x", "compareToSourcePath": "x"}],
                [{}, {"direction": "request"}, {"direction": "response", "response": "okay"}],
            ),
            (
                [{"path": "x", "resource": "Patient"}, {"path": "x", "expression": "x", "response": "okay"}],
                [{"compareToSourceId": "x"}, {"compareToSourcePath": "x"}],
                [{"direction": "request", "response": "okay"}, {"direction": "request", "responseCode": "200"}],
            ),
            strict=True,
        )
    ],
]

"""What a trial is. Frozen records, no FHIR, no I/O."""

from fhir_msc.trial.records import (
    AdverseEvent,
    CellProduct,
    Condition,
    Consent,
    Disposition,
    Infusion,
    Key,
    Medication,
    Observation,
    Participant,
    Record,
    Visit,
)
from fhir_msc.trial.study import Arm, Criterion, Investigator, OutcomeMeasure, PlannedVisit, Site, Study
from fhir_msc.trial.values import Coding, Component, Concept, Quantity, ReferenceRange, Unit

__all__ = [
    "AdverseEvent",
    "Arm",
    "CellProduct",
    "Coding",
    "Component",
    "Concept",
    "Condition",
    "Consent",
    "Criterion",
    "Disposition",
    "Infusion",
    "Investigator",
    "Key",
    "Medication",
    "Observation",
    "OutcomeMeasure",
    "Participant",
    "PlannedVisit",
    "Quantity",
    "Record",
    "ReferenceRange",
    "Site",
    "Study",
    "Unit",
    "Visit",
]

"""fhir_msc: a trial's export becomes FHIR R4 on a hospital's server, and stays in step with it.

The library's door: all that an integrator needs stands here under one name each, and nothing else is promised to stay.
A name is imported when it is first asked for (PEP 562), so that ``import fhir_msc`` costs next to nothing.

    project = fhir_msc.read_project(Path("trial"))
    result = fhir_msc.checked(project, keep=...)      # bodies, findings, what became of every row
    fhir_msc.synced(project)                          # the target has what the source gives

Times and durations are in seconds unless a docstring says otherwise; instants are in UTC. What is raised on purpose
derives from ``FhirMscError``. For the checks of own packs and builders see ``fhir_msc.testing``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fhir_msc.access import Probed, Progress, Surroundings, probed
    from fhir_msc.config import Project, read_project
    from fhir_msc.desired.model import OUTCOMES, Account, Desired
    from fhir_msc.errors import (
        BlindError,
        ConfigError,
        FhirMscError,
        LedgerError,
        OutcomeUnknown,
        PackError,
        RewriteError,
        SecretError,
        SourceError,
        TargetError,
        TargetRefused,
        TargetUnreachable,
        UsageError,
    )
    from fhir_msc.export_report import report_of
    from fhir_msc.findings import Finding, Origin, Place, Severity, in_order
    from fhir_msc.mapping.checking import check_pack as pack_findings
    from fhir_msc.mapping.pack import Pack, find_pack, read_pack
    from fhir_msc.mapping.transforms import Number, Unreadable
    from fhir_msc.models import as_json, as_model
    from fhir_msc.oversight import (
        audited,
        corrections_of,
        files_read,
        make_plan,
        members_of,
        participant_key,
        queries_of,
        reconciled,
        retire,
        settle,
        status_of,
        study_of,
        terminology_of,
        vanished_of,
        verify,
    )
    from fhir_msc.pipeline import Checked, Synced, checked, work
    from fhir_msc.pipeline import sync as synced
    from fhir_msc.reports.baseline import read_baseline, write_baseline
    from fhir_msc.reports.formats import FORMATS as REPORT_FORMATS
    from fhir_msc.reports.formats import rendered
    from fhir_msc.reports.tally import Cause, Found, Report, Selection
    from fhir_msc.resources.body import Body, references, serialise
    from fhir_msc.resources.context import Links, ResourceContext
    from fhir_msc.resources.datatypes import codeable_concept, period, present, quantity, reference
    from fhir_msc.resources.own import OwnBuilder
    from fhir_msc.sandbox import SandboxServer
    from fhir_msc.sources.opening import OpenSource, SourceOptions, open_source
    from fhir_msc.sources.sealed_source import SealedSource
    from fhir_msc.sources.seals import Seals
    from fhir_msc.sources.table import FileFacts, Row, Source, Table
    from fhir_msc.sync.audit import AuditVerdict
    from fhir_msc.sync.corrections import Answer, Held
    from fhir_msc.sync.delivery import DeliveryReport
    from fhir_msc.sync.plan import Plan
    from fhir_msc.sync.queries import Queries
    from fhir_msc.sync.reconciling import Reconciled
    from fhir_msc.sync.retirement import Retirable
    from fhir_msc.sync.staging import StagingReport
    from fhir_msc.sync.status import Status
    from fhir_msc.sync.verification import Drifted, Verified
    from fhir_msc.trial import (
        AdverseEvent,
        Arm,
        ArmStep,
        CellProduct,
        Coding,
        Component,
        Concept,
        Condition,
        Consent,
        Criterion,
        Disposition,
        Element,
        Infusion,
        Investigator,
        Key,
        Medication,
        Observation,
        ObservationDescription,
        OutcomeMeasure,
        Participant,
        PlannedVisit,
        Quantity,
        Record,
        ReferenceRange,
        Site,
        Study,
        StudyFact,
        StudyPart,
        Unit,
        Visit,
    )
    from fhir_msc.validation import validate
    from fhir_msc.validation.files import validate_files
    from fhir_msc.validation.profiles.known import Profiles, read_profiles
    from fhir_msc.validation.refusals import Refused
    from fhir_msc.validation.trial import TrialRules
    from fhir_msc.validation.trial.totals import Total
    from fhir_msc.version import __version__

__all__ = [
    "OUTCOMES",
    "REPORT_FORMATS",
    "Account",
    "AdverseEvent",
    "Answer",
    "Arm",
    "ArmStep",
    "AuditVerdict",
    "BlindError",
    "Body",
    "Cause",
    "CellProduct",
    "Checked",
    "Coding",
    "Component",
    "Concept",
    "Condition",
    "ConfigError",
    "Consent",
    "Criterion",
    "DeliveryReport",
    "Desired",
    "Disposition",
    "Drifted",
    "Element",
    "FhirMscError",
    "FileFacts",
    "Finding",
    "Found",
    "Held",
    "Infusion",
    "Investigator",
    "Key",
    "LedgerError",
    "Links",
    "Medication",
    "Number",
    "Observation",
    "ObservationDescription",
    "OpenSource",
    "Origin",
    "OutcomeMeasure",
    "OutcomeUnknown",
    "OwnBuilder",
    "Pack",
    "PackError",
    "Participant",
    "Place",
    "Plan",
    "PlannedVisit",
    "Probed",
    "Profiles",
    "Progress",
    "Project",
    "Quantity",
    "Queries",
    "Reconciled",
    "Record",
    "ReferenceRange",
    "Refused",
    "Report",
    "ResourceContext",
    "Retirable",
    "RewriteError",
    "Row",
    "SandboxServer",
    "SealedSource",
    "Seals",
    "SecretError",
    "Selection",
    "Severity",
    "Site",
    "Source",
    "SourceError",
    "SourceOptions",
    "StagingReport",
    "Status",
    "Study",
    "StudyFact",
    "StudyPart",
    "Surroundings",
    "Synced",
    "Table",
    "TargetError",
    "TargetRefused",
    "TargetUnreachable",
    "Total",
    "TrialRules",
    "Unit",
    "Unreadable",
    "UsageError",
    "Verified",
    "Visit",
    "__version__",
    "as_json",
    "as_model",
    "audited",
    "checked",
    "codeable_concept",
    "corrections_of",
    "files_read",
    "find_pack",
    "in_order",
    "make_plan",
    "members_of",
    "open_source",
    "pack_findings",
    "participant_key",
    "period",
    "present",
    "probed",
    "quantity",
    "queries_of",
    "read_baseline",
    "read_pack",
    "read_profiles",
    "read_project",
    "reconciled",
    "reference",
    "references",
    "rendered",
    "report_of",
    "retire",
    "serialise",
    "settle",
    "status_of",
    "study_of",
    "synced",
    "terminology_of",
    "validate",
    "validate_files",
    "vanished_of",
    "verify",
    "work",
    "write_baseline",
]

_HOMES = {
    "fhir_msc.config": "Project read_project",
    "fhir_msc.desired.model": "OUTCOMES Account Desired",
    "fhir_msc.errors": (
        "BlindError ConfigError FhirMscError LedgerError OutcomeUnknown PackError RewriteError SecretError "
        "SourceError TargetError TargetRefused TargetUnreachable UsageError"
    ),
    "fhir_msc.export_report": "report_of",
    "fhir_msc.findings": "Finding Origin Place Severity in_order",
    "fhir_msc.mapping.checking": "check_pack=pack_findings",
    "fhir_msc.mapping.pack": "Pack find_pack read_pack",
    "fhir_msc.mapping.transforms": "Number Unreadable",
    "fhir_msc.models": "as_json as_model",
    "fhir_msc.oversight": (
        "audited corrections_of files_read make_plan members_of participant_key queries_of reconciled retire "
        "settle status_of study_of terminology_of vanished_of verify"
    ),
    "fhir_msc.access": "Probed Progress Surroundings probed",
    "fhir_msc.pipeline": "Checked Synced checked sync=synced work",
    "fhir_msc.reports.baseline": "read_baseline write_baseline",
    "fhir_msc.reports.formats": "FORMATS=REPORT_FORMATS rendered",
    "fhir_msc.reports.tally": "Cause Found Report Selection",
    "fhir_msc.resources.body": "Body references serialise",
    "fhir_msc.resources.context": "Links ResourceContext",
    "fhir_msc.resources.datatypes": "codeable_concept period present quantity reference",
    "fhir_msc.resources.own": "OwnBuilder",
    "fhir_msc.sandbox": "SandboxServer",
    "fhir_msc.sources.opening": "OpenSource SourceOptions open_source",
    "fhir_msc.sources.sealed_source": "SealedSource",
    "fhir_msc.sources.seals": "Seals",
    "fhir_msc.sources.table": "FileFacts Row Source Table",
    "fhir_msc.sync.audit": "AuditVerdict",
    "fhir_msc.sync.corrections": "Answer Held",
    "fhir_msc.sync.delivery": "DeliveryReport",
    "fhir_msc.sync.plan": "Plan",
    "fhir_msc.sync.queries": "Queries",
    "fhir_msc.sync.reconciling": "Reconciled",
    "fhir_msc.sync.retirement": "Retirable",
    "fhir_msc.sync.staging": "StagingReport",
    "fhir_msc.sync.status": "Status",
    "fhir_msc.sync.verification": "Drifted Verified",
    "fhir_msc.trial": (
        "AdverseEvent Arm ArmStep CellProduct Coding Component Concept Condition Consent Criterion Disposition "
        "Element Infusion Investigator Key Medication Observation ObservationDescription OutcomeMeasure Participant "
        "PlannedVisit Quantity Record ReferenceRange Site Study StudyFact StudyPart Unit Visit"
    ),
    "fhir_msc.validation": "validate",
    "fhir_msc.validation.files": "validate_files",
    "fhir_msc.validation.trial": "TrialRules",
    "fhir_msc.validation.refusals": "Refused",
    "fhir_msc.validation.trial.totals": "Total",
    "fhir_msc.validation.profiles.known": "Profiles read_profiles",
    "fhir_msc.version": "__version__",
}
"""Where each name lives, as ``name`` or ``name there=name here``. A test holds it beside the imports above."""

_PLACES = {
    here or there: (module, there)
    for module, names in _HOMES.items()
    for there, _, here in (name.partition("=") for name in names.split())
}


def __getattr__(name: str) -> object:
    """The object of that name, imported now and kept."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'fhir_msc' has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(place[0]), place[1])
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})

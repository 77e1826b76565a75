"""Looking at a project and answering what it asks: before a sync, after it, and years later.

Nothing here sends a resource. ``make_plan``, ``verify`` and ``reconciled`` read the server; the others read the ledger,
beside a running worker too. ``settle`` and ``retire`` write, and only a person's answer into the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from fhir_msc.access import (
    Progress,
    Surroundings,
    client_of,
    confirm_server,
    delivery_options,
    ledger_to_rehearse,
    looked_at,
    opened_ledger,
    probed,
    silent,
    utc_now,
)
from fhir_msc.config import Project
from fhir_msc.desired.frame import body_maker
from fhir_msc.desired.protocol import terminology
from fhir_msc.pipeline import desired_tables
from fhir_msc.resources.identity import Identity
from fhir_msc.sources.table import FileFacts
from fhir_msc.sync import whereabouts
from fhir_msc.sync.audit import AuditVerdict, verify_audit
from fhir_msc.sync.corrections import Answer, Held, held
from fhir_msc.sync.corrections import settle as settle_correction
from fhir_msc.sync.plan import Plan
from fhir_msc.sync.plan import make_plan as planned
from fhir_msc.sync.queries import Queries, queries
from fhir_msc.sync.reconciling import Reconciled, reconcile
from fhir_msc.sync.retirement import Retirable, vanished
from fhir_msc.sync.retirement import retire as retire_resources
from fhir_msc.sync.staging import StagingReport, stage
from fhir_msc.sync.status import Status, status
from fhir_msc.sync.verification import Drifted, Verified
from fhir_msc.sync.verification import verify as read_back
from fhir_msc.trial import Study


def status_of(project: Project) -> Status | None:
    """How the target stands as the ledger has it, beside a running worker too; ``None`` before the first sync. Raises
    LedgerError."""
    with looked_at(project) as ledger:
        if ledger is None:
            return None
        return replace(status(ledger), is_elsewhere=not whereabouts.is_known(ledger, project.target[1].url))


def make_plan(project: Project, surroundings: Surroundings | None = None) -> tuple[Plan, StagingReport]:
    """What a sync would do now, asked of the server; nothing is written, there or here.

    Raises what ``sync`` raises, and TargetError also where the server fails while it is read.
    """
    around = surroundings or Surroundings()
    target = probed(project, around)
    with ledger_to_rehearse(project) as ledger, client_of(project, around) as client, ledger.rehearsed():
        confirm_server(project, ledger, around)
        staged = stage(ledger, desired_tables(project), around.clock())
        options = replace(delivery_options(project, target), unread=staged.unread)
        return planned(ledger, client, options, around.clock()), staged


def verify(
    project: Project,
    told: Callable[[Drifted], None],
    surroundings: Surroundings | None = None,
    progress: Progress = silent,
) -> Verified | None:
    """Reads back all that was delivered and tells ``told`` of what the server holds otherwise; beside a running worker
    too. ``None`` before the first sync. Raises TargetError, LedgerError."""
    counts = Verified()
    with looked_at(project) as ledger:
        if ledger is None:
            return None
        around = surroundings or Surroundings()
        addressing = delivery_options(project, probed(project, around)).addressing
        with client_of(project, around) as client:
            for drifted in read_back(ledger, client, addressing, counts, progress):
                told(drifted)
    return counts


def corrections_of(project: Project) -> list[Held]:
    """What is held as a possible correction and waits for an answer; nothing before the first sync. Raises
    LedgerError."""
    with looked_at(project) as ledger:
        return held(ledger) if ledger is not None else []


def settle(project: Project, rid: str, answer: Answer, reason: str, actor: str) -> None:
    """A person's answer to a possible correction; the next sync acts on it. Raises UsageError, LedgerError."""
    with opened_ledger(project) as ledger:
        settle_correction(ledger, rid, answer, reason, actor, utc_now())


def vanished_of(project: Project) -> list[Retirable]:
    """What vanished from the source and may still be on the server; nothing before the first sync. Raises
    LedgerError."""
    with looked_at(project) as ledger:
        return vanished(ledger, project.target[1].delete) if ledger is not None else []


def retire(project: Project, rids: Collection[str], reason: str, actor: str) -> int:
    """A person's word that these no longer count; the next sync sends it. Gives how many. Raises UsageError,
    LedgerError."""
    with opened_ledger(project) as ledger:
        return retire_resources(ledger, rids, reason, actor, utc_now(), project.target[1].delete)


def audited(project: Project) -> AuditVerdict | None:
    """Whether the audit is whole; ``None`` before the first sync. Raises LedgerError."""
    for one in project.each_target():  # one chain for all
        with looked_at(one) as ledger:
            if ledger is not None:
                return verify_audit(ledger)
    return None


def participant_key(project: Project, participant: str) -> str:
    """The key of a participant's Patient, which is that of the lane too. Raises SecretError."""
    _, target = project.target
    return Identity(project.secret(), target.identity).rid("Patient", (participant,))


def members_of(project: Project) -> dict[str, tuple[str, str | None]]:
    """Who is in the source's tables of participants: identifier and site, by the key of the Patient. Raises
    SourceError."""
    frame = desired_tables(project).frame
    roster = frame.roster
    return {
        frame.identity.rid("Patient", (participant,)): (participant, roster.member(participant).site)
        for participant in roster.participants()
    }


def queries_of(project: Project, members: Mapping[str, tuple[str, str | None]]) -> Queries | None:
    """What the sites must be asked, as of the last sync; ``None`` before the first. ``members`` tells the sites. Raises
    LedgerError."""
    with looked_at(project) as ledger:
        if ledger is None:
            return None
        return queries(ledger, {patient: site for patient, (_, site) in members.items()})


def study_of(project: Project) -> Study:
    """The study as the project sends it: the config's, and what tables of study design add. Raises SourceError."""
    return desired_tables(project.each_target()[0]).study


def terminology_of(project: Project) -> Iterator[tuple[str, str, bytes]]:
    """The project's own code systems and value sets: type, name and body, as they are sent. Raises SecretError."""
    policy = project.policy
    identity = Identity(project.secret(), policy.domain)
    maker = body_maker(policy, identity)
    for part in terminology(identity):
        yield part.type, part.name, maker.make(part.record, part.links).content


def files_read(project: Project, tables: Collection[str]) -> list[FileFacts]:
    """What is true, as they lie there now, of the files that these tables are read from; nothing in a blind project.
    Raises SourceError."""
    if project.words.project.blind:
        return []
    source = project.open_source()
    by_file = {one.file: one.name for one in source.tables() if one.name in tables}
    told = (source.facts(table) for _, table in sorted(by_file.items()))
    return [facts for facts in told if facts is not None]


def reconciled(project: Project, surroundings: Surroundings | None = None) -> Reconciled | None:
    """The rows and the resources, here and on the server; ``None`` before the first sync. Raises TargetError."""
    around = surroundings or Surroundings()
    with looked_at(project) as ledger:
        if ledger is None:
            return None
        options = delivery_options(project, probed(project, around))
        countable = frozenset(type for type, route in options.routes.items() if route.by == "identifier")
        with client_of(project, around) as client:
            return reconcile(ledger, client, options.system, countable)

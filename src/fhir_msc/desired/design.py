"""Tables of study design on their way: what their rows add to the config's study, and what became of each row.

Their rows go into resources of the study's own lane (``desired/study.py``) and belong to no participant; no body of a
participant depends on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Account, Desired
from fhir_msc.desired.protocol import Part
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.mapping.design_table import DesignRow, compile_design
from fhir_msc.mapping.pack import PackTable
from fhir_msc.resources.organization import Sponsor
from fhir_msc.sources.table import Table
from fhir_msc.trial import (
    Arm,
    ArmStep,
    Criterion,
    Design,
    DeviceFact,
    Element,
    PlannedVisit,
    StudyFact,
    StudyPart,
    Told,
    designed,
)

OVERRULED = "MSC-STUDY-001"
REPEATED = "MSC-STUDY-002"

_BECOMES: dict[type[object], str] = {
    StudyFact: "the study's ResearchStudy",
    Arm: "the study's ResearchStudy",
    ArmStep: "the PlanDefinition of the arms",
    Element: "the PlanDefinition of the arms",
    PlannedVisit: "the PlanDefinition of the visits",
    DeviceFact: "the device's Device",
    Criterion: "the Group of the version's criteria",
}
_LIMITS = frozenset(("minimum_age", "maximum_age", "sex", "healthy_volunteers"))
"""What a fact says of who may take part: it stands in the Groups."""

_IDLE = "an element that is in no arm"
_CONFIG_COUNTS = "fhir-msc.toml says otherwise, and counts"


@dataclass(slots=True)
class _Read:
    """The rows of one table, in the order of their keys, and what was noted while they were read."""

    rows: list[DesignRow]
    notes: list[Finding] = field(default_factory=list)


class StudyDesign:
    """What the tables of study design add to the config's study; they are read when this is first asked for."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def tables(self) -> Sequence[DesignTable]:
        """The tables, each with its account."""
        return [DesignTable(self, table) for _, table in self._frame.telling_of_study]

    def fingerprint(self, name: str) -> bytes:
        """The fingerprint of what depends on all of these tables. Raises SourceError."""
        frame = self._frame
        rows = [frame.rows_digest(pack_table, table) for pack_table, table in frame.telling_of_study]
        return frame.fingerprint(name, *rows)

    @cached_property
    def read(self) -> dict[str, _Read]:
        """The rows by table. Raises SourceError: by half of its tables a study is not judged."""
        return {table.name: self._rows(pack_table, table) for pack_table, table in self._frame.telling_of_study}

    def _rows(self, pack_table: PackTable, table: Table) -> _Read:
        frame = self._frame
        mapper = compile_design(frame.pack, pack_table, table, frame.source, frame.seals)
        rows = sorted(mapper.map(), key=lambda row: row.place)
        return _Read(rows, mapper.notes.findings())

    @cached_property
    def combined(self) -> Design:
        """The study with what the tables add. Raises SourceError."""
        rows = (row for read in self.read.values() for row in read.rows)
        return designed(self._frame.policy.study, (Told(*told) for row in rows for told in row.parts))

    @cached_property
    def fates(self) -> dict[tuple[StudyPart, Origin], tuple[str, str]]:
        """What became of each part: outcome and reason."""
        design = self.combined
        return {
            **{(one.part, one.origin): ("merged", _becomes(one.part)) for one in design.taken},
            **{(one.part, one.origin): ("not-mapped", _CONFIG_COUNTS) for one, _ in design.overruled},
            **{(one.part, one.origin): ("not-mapped", _IDLE) for one in design.idle},
            **{(one.part, one.origin): ("rejected", REPEATED) for one in design.repeated},
        }

    def origins(self, part: Part) -> tuple[Origin, ...]:
        """The cells of the tables that a resource of the study comes from."""
        return tuple(dict.fromkeys(one.origin for one in self.combined.taken if _goes_into(one.part, part)))


class DesignTable:
    """A DesiredTable of study design: its rows go into the study's resources."""

    def __init__(self, design: StudyDesign, table: Table) -> None:
        self.name = table.name
        self.account = Account(table.name, table.file)
        self.findings: list[Finding] = []
        self._design = design
        self._table = table

    def fingerprint(self) -> bytes:
        """What becomes of a row depends on the other tables, too."""
        return self._design.fingerprint(self.name)

    def stream(self) -> Iterator[list[Desired]]:
        """No bodies of its own; accounts for the rows. Raises SourceError."""
        design = self._design
        read = design.read[self.name]
        account = self.account = Account(self._table.name, self._table.file)
        self.findings = [*read.notes, *self._overruled(), *self._repeated()]
        for row in read.rows:
            account.rows += 1
            fates = [design.fates[told] for told in row.parts]
            if row.problems:
                self.findings += row.problems
                fates.append(("rejected", row.problems[0].rule))
            best = min(fates, key=lambda fate: _ORDER.index(fate[0])) if fates else ("not-mapped", row.reason)
            account.outcomes[best] += 1
        yield []

    def _overruled(self) -> Iterator[Finding]:
        """One finding per word in which the config says something else."""
        found: dict[str, list[Origin]] = {}
        for told, words in self._design.combined.overruled:
            if told.origin.table == self.name:
                for word in words:
                    found.setdefault(word, []).append(told.origin)
        for word, origins in sorted(found.items()):
            yield Finding(
                OVERRULED,
                Severity.WARNING,
                f"{word}: fhir-msc.toml says something else, and counts",
                tuple(origins),
                hint="correct one of the two, or take the word out of fhir-msc.toml",
                count=len(origins),
            )

    def _repeated(self) -> Iterator[Finding]:
        for told in self._design.combined.repeated:
            if told.origin.table == self.name:
                yield Finding(
                    REPEATED,
                    Severity.ERROR,
                    "says something else of the study than an earlier row: that one counts",
                    (told.origin,),
                    hint="correct the source: of two rows one can be true",
                )


_ORDER = ("merged", "rejected", "not-mapped")


def _becomes(said: StudyPart) -> str:
    return "the study's Groups" if _name(said) in _LIMITS else _BECOMES[type(said)]


def _goes_into(said: StudyPart, part: Part) -> bool:
    """Whether what is said goes into that resource."""
    if part.type == "ResearchStudy":
        return isinstance(said, Arm | StudyFact) and not part.name and _name(said) not in _LIMITS
    if part.type == "Group":
        of_version = isinstance(said, Criterion) and (said.version or "") == part.name
        return of_version or _name(said) in _LIMITS
    if part.type == "Device":
        return isinstance(said, DeviceFact) and said.device == part.name
    if part.type == "PlanDefinition":
        return isinstance(said, PlannedVisit) if part.name == "visits" else isinstance(said, ArmStep | Element)
    return isinstance(part.record, Sponsor) and _name(said) == "sponsor"


def _name(said: StudyPart) -> str | None:
    return said.name if isinstance(said, StudyFact) else None

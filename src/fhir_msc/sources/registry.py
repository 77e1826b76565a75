"""Records of ClinicalTrials.gov, API version 2: what the registry says of a study.

Source: ``GET https://clinicaltrials.gov/api/v2/studies/NCT…`` (OpenAPI 2.0.0). Descriptions and criteria are Markdown
with escapes: descriptions and the whole text of the criteria stay as they are, what is shown in pieces is unescaped.
Dates may be partial. The file is read whole: it is one study.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fhir_msc.errors import SourceError
from fhir_msc.sources.criteria import divided, unescaped
from fhir_msc.trial import (
    MASKINGS,
    PHASES,
    PURPOSES,
    Arm,
    Concept,
    Investigator,
    OutcomeMeasure,
    Quantity,
    Site,
    Study,
    age_limit,
)

_STATUS = {
    "ACTIVE_NOT_RECRUITING": "closed-to-accrual",
    "COMPLETED": "completed",
    "ENROLLING_BY_INVITATION": "active",
    "NOT_YET_RECRUITING": "approved",
    "RECRUITING": "active",
    "SUSPENDED": "temporarily-closed-to-accrual",
    "TERMINATED": "administratively-completed",
    "WITHDRAWN": "withdrawn",
    "AVAILABLE": "completed",
    "NO_LONGER_AVAILABLE": "closed-to-accrual",
    "TEMPORARILY_NOT_AVAILABLE": "temporarily-closed-to-accrual",
    "APPROVED_FOR_MARKETING": "completed",
    "WITHHELD": "in-review",
    "UNKNOWN": "in-review",
}
"""R4 research-study-status by the registry's overallStatus."""

_PHASES = {"NA": "n-a", "EARLY_PHASE1": "early-phase-1", **{f"PHASE{n}": f"phase-{n}" for n in "1234"}}
_MASKING = {name.upper(): name for name in MASKINGS}
_OUTCOMES = {"primaryOutcomes": "primary", "secondaryOutcomes": "secondary", "otherOutcomes": "exploratory"}
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?", re.ASCII)
_LEFT_OUT = {
    "identificationModule.secondaryIdInfos": "other identifiers",
    "contactsLocationsModule.centralContacts": "contacts",
    "referencesModule": "references",
}


class Imported(NamedTuple):
    """A study as the registry has it, and what a person should know of the import."""

    study: Study
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the record, with its place in the file."""

    file: str
    path: str
    content: Mapping[str, object]

    def part(self, name: str) -> _Part:
        """A part inside; an empty one where it lacks."""
        here, _, rest = name.partition(".")
        found = self.content.get(here, {})
        if not isinstance(found, dict):
            raise self.wrong(here, "an object is expected")
        inner = _Part(self.file, self._path(here), found)
        return inner.part(rest) if rest else inner

    def parts(self, name: str) -> list[_Part]:
        """The parts of a list."""
        place = self._path(name)
        items = [(f"{place}[{number}]", one) for number, one in enumerate(self._list(name))]
        wrong = next((path for path, one in items if not isinstance(one, dict)), None)
        if wrong is not None:
            raise self.wrong(name, "a list of objects is expected")
        return [_Part(self.file, path, one) for path, one in items if isinstance(one, dict)]

    def text(self, name: str) -> str | None:
        """A text, without blanks around it; ``None`` where it lacks or is empty."""
        found = self.content.get(name)
        if found is None:
            return None
        if not isinstance(found, str):
            raise self.wrong(name, "a text is expected")
        return self._whole(name, found).strip() or None

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a list."""
        texts = self._list(name)
        if not all(isinstance(one, str) for one in texts):
            raise self.wrong(name, "a list of texts is expected")
        return tuple(self._whole(name, one).strip() for one in texts if isinstance(one, str))

    def date(self, name: str) -> str | None:
        """A date, maybe partial."""
        found = self.text(name)
        if found is not None and not _DATE.fullmatch(found):
            raise self.wrong(name, "a date as YYYY, YYYY-MM or YYYY-MM-DD is expected")
        return found

    def number(self, name: str) -> str | None:
        """A number as written."""
        found = self.content.get(name)
        if found is None:
            return None
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        if not isinstance(found, str) or not re.fullmatch(r"-?\d+\.\d+", found, re.ASCII):
            raise self.wrong(name, "a number is expected")
        return found

    def one_of(self, name: str, known: Mapping[str, str]) -> str | None:
        """A word of the registry's list, as what it means here."""
        found = self.text(name)
        if found is not None and found not in known:
            raise self.wrong(name, f"none of {', '.join(sorted(known))}")
        return None if found is None else known[found]

    def wrong(self, name: str, what: str) -> SourceError:
        """The error of a place in the file."""
        return SourceError(f"{self._path(name)}: {what}", file=self.file, hint="take the record anew from the registry")

    def _whole(self, name: str, text: str) -> str:
        """JSON can escape half a character, which is no text."""
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise self.wrong(name, "half a character")
        return text

    def _list(self, name: str) -> list[object]:
        found = self.content.get(name, [])
        if not isinstance(found, list):
            raise self.wrong(name, "a list is expected")
        return found

    def _path(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def read_registry_record(path: Path) -> Imported:
    """The study of a record. Raises SourceError, with the place, for what is no such record."""
    protocol = _Part(path.name, "", _document(path)).part("protocolSection")
    identification, sponsors = protocol.part("identificationModule"), protocol.part("sponsorCollaboratorsModule")
    dates, design = protocol.part("statusModule"), protocol.part("designModule")
    conditions, contacts = protocol.part("conditionsModule"), protocol.part("contactsLocationsModule")
    registry, title = identification.text("nctId"), identification.text("briefTitle")
    if registry is None:
        raise identification.wrong("nctId", "is missing")
    if title is None:
        raise identification.wrong("briefTitle", "is missing")
    enrolment = design.part("enrollmentInfo")
    count, actual = enrolment.number("count"), enrolment.text("type") == "ACTUAL"
    people = None if count is None else int(count)
    purpose = (design.part("designInfo").text("primaryPurpose") or "").lower().replace("_", "-")
    eligibility = protocol.part("eligibilityModule")
    criteria = eligibility.text("eligibilityCriteria")
    found = divided(criteria or "")
    healthy = eligibility.content.get("healthyVolunteers")
    study = Study(
        identifier=identification.part("orgStudyIdInfo").text("id") or registry,
        title=title,
        status=_status(dates),
        phase=_phase(design),
        masking=design.part("designInfo.maskingInfo").one_of("masking", _MASKING) or "double",
        purpose=purpose if purpose in PURPOSES else None,
        official_title=identification.text("officialTitle"),
        acronym=identification.text("acronym"),
        description=_description(protocol.part("descriptionModule")),
        conditions=conditions.texts("conditions"),
        keywords=conditions.texts("keywords"),
        interventions=tuple(
            name
            for one in protocol.part("armsInterventionsModule").parts("interventions")
            if (name := one.text("name"))
        ),
        features=tuple(Concept(text=text) for text in _features(design, purpose)),
        countries=tuple(dict.fromkeys(name for one in contacts.parts("locations") if (name := one.text("country")))),
        registry=registry,
        sponsor=sponsors.part("leadSponsor").text("name"),
        collaborators=tuple(name for one in sponsors.parts("collaborators") if (name := one.text("name"))),
        start=dates.part("startDateStruct").date("date"),
        end=dates.part("completionDateStruct").date("date"),
        planned_enrolment=None if actual else people,
        actual_enrolment=people if actual else None,
        arms=tuple(_arms(protocol.part("armsInterventionsModule"))),
        sites=tuple(_sites(contacts)),
        investigators=tuple(_officials(contacts)),
        minimum_age=_age(eligibility, "minimumAge"),
        maximum_age=_age(eligibility, "maximumAge"),
        sex=eligibility.one_of("sex", {"ALL": "", "FEMALE": "female", "MALE": "male"}) or None,
        healthy_volunteers=healthy if isinstance(healthy, bool) else None,
        eligibility=found.criteria,
        eligibility_text=criteria,
        outcome_measures=tuple(_outcomes(protocol.part("outcomesModule"))),
    )
    return Imported(study, tuple(_remarks(protocol, study, found.left_over)))


def _document(path: Path) -> Mapping[str, object]:
    """The record in the file; decimals stay as they are written."""
    hint = "save one from https://clinicaltrials.gov/api/v2/studies/NCT…?format=json"
    try:
        document = json.loads(path.read_bytes().decode("utf-8-sig"), parse_float=str)
    except OSError as error:
        raise SourceError(f"cannot be read ({type(error).__name__})", file=path.name) from error
    except (ValueError, RecursionError) as error:
        raise SourceError("is no JSON", file=path.name, hint=hint) from error
    if isinstance(document, dict) and isinstance(document.get("studies"), list):
        studies: list[object] = document["studies"]
        if len(studies) != 1:
            raise SourceError(f"holds {len(studies)} studies; one is expected", file=path.name, hint=hint)
        document = studies[0]
    if not isinstance(document, dict) or "protocolSection" not in document:
        kind = "a FHIR resource" if isinstance(document, dict) and "resourceType" in document else "something else"
        message = f"is no record of ClinicalTrials.gov's API version 2 but {kind}: it has no protocolSection"
        raise SourceError(message, file=path.name, hint=hint)
    return document


def _status(dates: _Part) -> str:
    """The status now; where the registry does not know it, the last one that it knew."""
    status = dates.one_of("overallStatus", _STATUS)
    if dates.text("overallStatus") == "UNKNOWN":
        status = dates.one_of("lastKnownStatus", _STATUS) or status
    if status is None:
        raise dates.wrong("overallStatus", "is missing")
    return status


def _phase(design: _Part) -> str | None:
    phases = design.texts("phases")
    joined = "-".join(_PHASES.get(phase, phase) for phase in sorted(phases))
    if joined and joined not in PHASES:
        raise design.wrong("phases", "R4 has no such phase")
    return joined or None


def _description(described: _Part) -> str | None:
    return "\n\n".join(filter(None, (described.text("briefSummary"), described.text("detailedDescription")))) or None


def _features(design: _Part, purpose: str) -> Iterator[str]:
    info = design.part("designInfo")
    named = {
        "Study type": design.text("studyType"),
        "Allocation": info.text("allocation"),
        "Intervention model": info.text("interventionModel"),
        "Observational model": info.text("observationalModel"),
        "Time perspective": info.text("timePerspective"),
        "Primary purpose": purpose if purpose not in PURPOSES else None,
        "Masked": ", ".join(info.part("maskingInfo").texts("whoMasked")),
    }
    yield from (f"{name}: {_words(text)}" for name, text in named.items() if text)


def _words(constant: str) -> str:
    return constant.replace("_", " ").lower()


def _arms(module: _Part) -> Iterator[Arm]:
    for group in module.parts("armGroups"):
        label, kind, description = group.text("label"), group.text("type"), group.text("description")
        if label is None:
            raise group.wrong("label", "is missing")
        yield Arm(
            label, label, unescaped(description) if description else None, _words(kind).capitalize() if kind else None
        )


def _sites(contacts: _Part) -> Iterator[Site]:
    """The locations. The registry has no numbers for them, and some share facility and city."""
    for number, place in enumerate(contacts.parts("locations"), 1):
        point = place.part("geoPoint")
        yield Site(
            f"registry-{number:03}",
            name=place.text("facility") or place.text("city"),
            city=place.text("city"),
            state=place.text("state"),
            postal_code=place.text("zip"),
            country=place.text("country"),
            latitude=point.number("lat"),
            longitude=point.number("lon"),
        )


def _officials(contacts: _Part) -> Iterator[Investigator]:
    for one in contacts.parts("overallOfficials"):
        name, role = one.text("name"), one.text("role")
        if name is not None:
            yield Investigator(name, (role or "official").lower().replace("_", "-"), one.text("affiliation"))


def _age(eligibility: _Part, name: str) -> Quantity | None:
    text = eligibility.text(name)
    if text is None or text.upper() == "N/A":
        return None
    try:
        return age_limit(text)
    except ValueError as error:
        raise eligibility.wrong(name, str(error)) from None


def _outcomes(module: _Part) -> Iterator[OutcomeMeasure]:
    for name, kind in _OUTCOMES.items():
        for one in module.parts(name):
            measure, frame, description = one.text("measure"), one.text("timeFrame"), one.text("description")
            if measure is None:
                raise one.wrong("measure", "is missing")
            yield OutcomeMeasure(
                unescaped(measure),
                kind,
                unescaped(frame) if frame else None,
                unescaped(description) if description else None,
            )


def _remarks(protocol: _Part, study: Study, left_over: tuple[str, ...]) -> Iterator[str]:
    updated = protocol.part("statusModule.lastUpdatePostDateStruct").date("date")
    yield f"status as the registry had it{f' on {updated}' if updated else ''}"
    if protocol.part("designModule.designInfo.maskingInfo").text("masking") is None:
        yield "the record does not say whether the study is masked: taken as double-blind"
    if study.sites:
        yield "the registry has no site numbers: rename each site to its number in the export, and add its zone"
    if left_over:
        yield f"{len(left_over)} paragraphs of the eligibility text are no items: they stand in eligibility_text alone"
    if study.eligibility_text and not study.eligibility:
        yield "the eligibility text has no headings of inclusion and exclusion: it is not divided"
    for place, what in _LEFT_OUT.items():
        here, _, name = place.rpartition(".")
        module = protocol.part(here) if here else protocol
        if module.content.get(name):
            yield f"left out: {what} ({place})"

"""A small trial in valid FHIR, to be sent by any route; and what a server holds of it, asked over plain HTTP.

The server may give the ids. So what it holds is named by our identifier, or by our tag where a type has no search by
identifier, and what is expected is written with the server's ids by text alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from typing import Any

import httpx

from fhir_msc.desired import Desired
from fhir_msc.findings import Origin

_LETTERS = {"ResearchStudy": "s", "Patient": "p", "Encounter": "e", "Observation": "o", "AdverseEvent": "a"}
_RANKS = {"ResearchStudy": 0, "Patient": 10, "Encounter": 20, "Observation": 40, "AdverseEvent": 50}
_LABORATORY = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]
}
_OF_STUDY = "http://hl7.org/fhir/StructureDefinition/workflow-researchStudy"
TYPES = frozenset(_LETTERS)


@dataclass
class RoutedTrial:
    """Some participants, each with a visit, laboratory values at it, an adverse event. ``values`` may be changed."""

    system: str
    mark: str
    observations: int = 3
    people: int = 2
    values: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)
    """The bodies of the last ``wanted``, by rid."""

    def wanted(self) -> list[Desired]:
        """What is desired now."""
        self.bodies = {}
        study = self._one(
            "ResearchStudy",
            "study",
            "",
            {"status": "active", "title": "A trial"},
        )
        found = [study]
        for number in range(self.people):
            patient = self._one("Patient", f"patient {number}", f"lane {number}", {"active": True})
            lane = patient.rid
            person = {"reference": f"Patient/{patient.rid}"}
            visit = self._one(
                "Encounter",
                f"visit {number}",
                lane,
                {
                    "status": "finished",
                    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
                    "subject": person,
                },
                patient,
            )
            found += [patient, visit]
            for place in range(self.observations):
                found.append(
                    self._one(
                        "Observation",
                        f"result {number} {place}",
                        lane,
                        {
                            "extension": [
                                {"url": _OF_STUDY, "valueReference": {"reference": f"ResearchStudy/{study.rid}"}}
                            ],
                            "status": "final",
                            "category": [_LABORATORY],
                            "code": {"text": "Albumin"},
                            "subject": person,
                            "encounter": {"reference": f"Encounter/{visit.rid}"},
                            "effectiveDateTime": "2021-03",
                            "valueQuantity": {
                                "value": "@",
                                "unit": "g/L",
                                "system": "http://unitsofmeasure.org",
                                "code": "g/L",
                            },
                        },
                        patient,
                        visit,
                        study,
                    )
                )
            found.append(
                self._one(
                    "AdverseEvent",
                    f"event {number}",
                    lane,
                    {"actuality": "actual", "subject": person, "event": {"text": "headache"}},
                    patient,
                )
            )
        return found

    def rid(self, type: str, name: str) -> str:
        """The id of one of them, as ours are: a letter and forty hexadecimal digits."""
        return _LETTERS[type] + sha1(f"{self.mark} {name}".encode(), usedforsecurity=False).hexdigest()

    def _one(self, type: str, name: str, lane: str, rest: dict[str, Any], *refs: Desired) -> Desired:
        rid = self.rid(type, name)
        named: Any = {"system": self.system, "value": rid}
        body = {
            "resourceType": type,
            "id": rid,
            "identifier": named if type == "AdverseEvent" else [named],
            **rest,
        }
        text = json.dumps(body, separators=(",", ":")).replace(
            '"value":"@"', f'"value":{self.values.get(name, "1.50")}'
        )
        self.bodies[rid] = text
        content = text.encode()
        origin = Origin("lb.csv", "LB", 1, ("LBORRES",))
        return Desired(
            rid=rid,
            type=type,
            lane="" if type == "ResearchStudy" else lane if type != "Patient" else rid,
            rank=_RANKS[type],
            body=content,
            digest=sha256(content).digest(),
            table="LB",
            origins=(origin,),
            refs=tuple(one.rid for one in refs),
        )

    def expected(self, types: frozenset[str], ids: dict[str, str]) -> dict[str, str]:
        """What a server should hold that takes these types and gave these ids (by rid), as ``held`` shows it."""
        found = {}
        for rid, text in self.bodies.items():
            body = json.loads(text, parse_float=str)
            if body["resourceType"] not in types:
                continue
            if "Encounter" not in types:
                body.pop("encounter", None)
            if "ResearchStudy" not in types:
                body.pop("extension", None)
            shown = json.dumps(body, sort_keys=True)
            for name, id in ids.items():
                shown = shown.replace(f'/{name}"', f'/{id}"').replace(f'"id": "{name}"', f'"id": "{id}"')
            found[rid] = shown
        return found


def held(url: str, trial: RoutedTrial) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """What the server holds of the trial, by rid: the resources as text, their ids, their versions."""
    contents: dict[str, str] = {}
    ids: dict[str, str] = {}
    versions: dict[str, str] = {}
    with httpx.Client(timeout=60, trust_env=False, verify=False) as http:
        for resource in _found(http, url, trial):
            rid = _named(resource, trial.system)
            assert rid not in contents, f"{resource['resourceType']} is there twice"
            meta = resource.pop("meta")
            ids[rid], versions[rid] = resource["id"], meta["versionId"]
            resource.pop("text", None)
            contents[rid] = json.dumps(resource, sort_keys=True)
    return contents, ids, versions


def _found(http: httpx.Client, url: str, trial: RoutedTrial) -> Iterator[Any]:
    """Each resource of the trial, by identifier; where a type has no such search, by tag and by id."""
    for type, letter in _LETTERS.items():
        rids = [rid for rid in trial.bodies if rid.startswith(letter)]
        names = ",".join(f"{trial.system}|{rid}" for rid in rids)
        asked = [{"_tag": names}, {"_id": ",".join(rids)}] if type == "AdverseEvent" else [{"identifier": names}]
        there: dict[str, Any] = {}
        for form in asked:
            answer = http.post(f"{url}/{type}/_search", data={**form, "_count": "100"})
            found = json.loads(answer.content, parse_float=str) if answer.status_code == 200 else {}
            there |= {entry["resource"]["id"]: entry["resource"] for entry in found.get("entry", ())}
        yield from there.values()


def _named(resource: Any, system: str) -> str:
    named = resource.get("identifier", [])
    return next(
        (one["value"] for one in (named if isinstance(named, list) else [named]) if one["system"] == system), ""
    )

"""What others say of a resource that ``validate`` has checked: a FHIR server, or HL7's own engine.

Their findings stand beside ours. One at an element at which ours is as severe already says nothing new, and is left
out. Their words may repeat what stands in the resource: they are a finding's value, which is shown when asked for.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fhir_msc.errors import UsageError
from fhir_msc.findings import Finding, Severity
from fhir_msc.target.client import FhirClient
from fhir_msc.target.fhirjson import Json, objects, text, texts
from fhir_msc.validation.parsing import quickly

SERVER = "MSC-SECOND-SERVER"
ENGINE = "MSC-SECOND-ENGINE"

Opinion = Callable[[bytes], Sequence[Finding]]
"""The JSON text of a resource in, what is wrong with it out."""

_SEVERITIES = {
    "fatal": Severity.ERROR,
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "information": Severity.INFORMATION,
}
_ORDER = (Severity.INFORMATION, Severity.WARNING, Severity.ERROR)
_COMMENT = re.compile(r"/\*.*?\*/")
_CHOICE = re.compile(r"\.([a-z]+)\.ofType\(([A-Za-z])([A-Za-z]*)\)")
_MAIN = "org.fhirmsc.hapi.Engine"


def with_opinions(opinions: Sequence[Opinion]) -> Callable[[bytes, Sequence[Finding]], list[Finding]]:
    """What adds others' findings to ours of one text, for ``validate_files``."""

    def second(resource: bytes, ours: Sequence[Finding]) -> list[Finding]:
        found = list(ours)
        for opinion in opinions:
            found += [one for one in opinion(resource) if not _is_said(one, found)]
        return found

    return second


def server_opinion(client: FhirClient) -> Opinion:
    """The server's ``$validate``. What it raises is of FhirClient: a server that does not offer it refuses."""

    def ask(resource: bytes) -> list[Finding]:
        document = quickly(resource)
        type = document.get("resourceType") if isinstance(document, Mapping) else None
        if not isinstance(type, str) or not type.isalpha():
            return []
        outcome = client.validate(type, resource)
        return [_said_by_server(issue) for issue in objects(outcome.get("issue")) if _is_finding(issue)]

    return ask


@contextmanager
def engine_opinion(folder: Path, packages: Sequence[Path] = ()) -> Iterator[Opinion]:
    """HL7's engine in a Java process of its own, offline, until the end of the block.

    ``folder`` is where it was built: ``classes`` and ``lib`` of ``tests/hapi/engine/target`` after ``mvn package``;
    ``packages`` are FHIR packages that it is to know. Raises UsageError without it and without Java.
    """
    java = shutil.which("java")
    if java is None or not (folder / "classes").is_dir() or not (folder / "lib").is_dir():
        raise UsageError(
            "HL7's engine cannot be started: " + ("there is no java" if java is None else f"it is not in {folder}"),
            hint="install Java 17, build it with `mvn -f tests/hapi package`, and name tests/hapi/engine/target",
        )
    command = [java, "-Xmx1g", "-cp", f"{folder / 'classes'}:{folder / 'lib'}/*", _MAIN, *map(str, packages)]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(  # noqa: S603  the user names the folder; no shell reads it
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        try:
            _answer(process, b"")  # it says when it is ready
            yield lambda resource: _of_engine(process, resource)
        finally:
            process.kill()


def _of_engine(process: subprocess.Popen[bytes], resource: bytes) -> list[Finding]:
    if quickly(resource) is None:
        return []
    answer = _answer(process, resource.translate(bytes.maketrans(b"\r\n", b"  ")) + b"\n")
    return [
        _finding(ENGINE, "HL7's engine", issue, text(issue.get("location")), text(issue.get("message")))
        for issue in objects(answer.get("messages"))
        if _is_finding(issue)
    ]


def _answer(process: subprocess.Popen[bytes], line: bytes) -> dict[str, Json]:
    if process.stdin is None or process.stdout is None:
        raise AssertionError("it was started with pipes")
    try:
        process.stdin.write(line)
        process.stdin.flush()
        answer: dict[str, Json] = json.loads(process.stdout.readline())
    except (BrokenPipeError, ValueError) as error:
        raise UsageError("HL7's engine ended", hint="start it by hand: java -cp 'classes:lib/*' " + _MAIN) from error
    return answer


def _said_by_server(issue: Mapping[str, Json]) -> Finding:
    details = issue.get("details")
    words = text(issue.get("diagnostics")) or (text(details.get("text")) if isinstance(details, dict) else None)
    places = texts(issue.get("expression")) or texts(issue.get("location"))
    return _finding(SERVER, "the server", issue, places[0] if places else None, words)


def _finding(rule: str, who: str, issue: Mapping[str, Json], place: str | None, words: str | None) -> Finding:
    severity = _SEVERITIES[str(issue.get("severity"))]
    objection = {Severity.ERROR: "refuses it", Severity.WARNING: "warns of it"}.get(severity, "remarks on it")
    return Finding(rule, severity, f"{who} {objection}", path=_path(place), hint=_HINT, value=words)


_HINT = "its words are shown with --show-values"


def _is_finding(issue: Mapping[str, Json]) -> bool:
    """Whether it says anything: a server that finds nothing says so in an issue without a place."""
    severity = issue.get("severity")
    places = (issue.get("expression"), issue.get("location"))
    return severity in _SEVERITIES and (_SEVERITIES[str(severity)] is not Severity.INFORMATION or any(places))


def _path(place: str | None) -> str | None:
    """The place in the form of ours: no comments, and ``valueQuantity`` for ``value.ofType(Quantity)``."""
    if not place or place.startswith("("):
        return None
    return _CHOICE.sub(lambda found: f".{found[1]}{found[2].upper()}{found[3]}", _COMMENT.sub("", place))


def _is_said(one: Finding, found: Sequence[Finding]) -> bool:
    weight = _ORDER.index(one.severity)
    return any(other.path == one.path and _ORDER.index(other.severity) >= weight for other in found)

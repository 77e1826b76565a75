"""The documents on which both sides are asked: HL7's examples, what is sent, mutants of both, HL7's own cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import TypeVar

from fhir_msc.validation.refusals import Refused
from tests.agreement.mutations import KINDS, mutant
from tests.support.packages import texts
from tests.support.studybodies import example_bodies, study_bodies

T = TypeVar("T")

PACKAGE = "hl7.fhir.r4.examples@4.0.1"
DEFINITIONS = frozenset(
    {"CapabilityStatement", "CodeSystem", "ConceptMap", "OperationDefinition", "SearchParameter"}
    | {"StructureDefinition", "StructureMap", "ValueSet"}
)
"""The types whose instances in the package define FHIR itself."""
LARGEST = 400_000
"""The largest example, in bytes: those above are collections of definitions and pictures."""
LARGEST_MUTATED = 12_000
IPS_PACKAGES = ("hl7.fhir.uv.extensions.r4@5.3.0-ballot-tc1", "hl7.fhir.uv.ips@2.0.0")
"""The International Patient Summary, and of what it rests on what the registry has and it names by version."""
SEED = 4_0_1


@dataclass(frozen=True, slots=True)
class Document:
    """A document to be judged; ``valid`` is the verdict that its authors expect, ``None`` where they say nothing, and
    ``refused`` what they refuse though R4 allows it."""

    name: str
    text: bytes
    valid: bool | None = None
    refused: frozenset[Refused] = frozenset()


def examples() -> Iterator[Document]:
    """The instance examples of R4 4.0.1: all but definitions and the largest files."""
    for name, text in texts(PACKAGE, LARGEST, DEFINITIONS):
        yield Document(name.removesuffix(".json"), text)


def ips() -> Iterator[Document]:
    """The examples of the International Patient Summary, which claim its profiles."""
    for name, text in texts(IPS_PACKAGES[-1], LARGEST, frozenset(), "package/example"):
        yield Document(name.removesuffix(".json"), text)


def example_trial(folder: Path) -> Iterator[Document]:
    """Every body of the example trial."""
    yield from _bodies(example_bodies(folder))


def sdtm_study(shared: Path, folder: Path) -> Iterator[Document]:
    """Every body of the real study in SDTM."""
    yield from _bodies(study_bodies(shared, folder))


def _bodies(found: Mapping[str, bytes]) -> Iterator[Document]:
    return (Document(name, body) for name, body in found.items())


def cases(shared: Path) -> Iterator[Document]:
    """The cases of HL7's validator suite, with the verdict that the suite expects."""
    folder = shared / "data" / "hl7-validator-cases"
    for case in json.loads((folder / "expected.json").read_bytes()):
        text = (folder / "cases" / case["file"]).read_bytes()
        yield Document(Path(case["file"]).stem, text, case["verdict"] == "valid", _refused(case["options"]))


def _refused(options: Mapping[str, object]) -> frozenset[Refused]:
    """What a case refuses, as HL7's own runner reads its options: extensions that nobody knows always."""
    asked = {
        Refused.UNKNOWN_EXTENSIONS: True,
        Refused.HTML_IN_MARKDOWN: options.get("noHtmlInMarkdown") is True,
        Refused.HTML_IN_TEXT: options.get("security-checks") is True,
        Refused.EXAMPLE_URLS: options.get("examples") is False,
        Refused.UNRESOLVED_REFERENCES: str(options.get("validateReference")).startswith("CHECK_EXISTS"),
    }
    return frozenset(one for one, is_asked in asked.items() if is_asked)


def mutants(
    originals: Iterable[Document],
    count: int,
    label: str,
    kinds: Sequence[str] = tuple(KINDS),
    largest: int = LARGEST_MUTATED,
) -> Iterator[Document]:
    """``count`` mutants of what is small enough, each kind and type as often as the next, the same ones each time.

    Which document is taken hangs on its own name alone, so that one more or less among them changes few mutants.
    """
    by_type: dict[str, list[Document]] = {}
    for document in originals:
        if len(document.text) <= largest:
            by_type.setdefault(json.loads(document.text)["resourceType"], []).append(document)
    some = {name: found[:: max(1, len(found) // 100)] for name, found in by_type.items()}
    made = tried = 0
    while made < count:
        kind, tried = kinds[made % len(kinds)], tried + 1
        seed = f"{SEED} {label} {made} {tried}"
        original = _chosen(some[_chosen(some, seed, str)], seed, _name)
        changed = mutant(json.loads(original.text), kind, Random(seed))
        if changed is not None:
            name = f"{label} {made} ({kind} in {original.name})"
            yield Document(name, json.dumps(changed, ensure_ascii=False).encode("utf-8", "surrogatepass"))
            made, tried = made + 1, 0


def _name(document: Document) -> str:
    return document.name


def _chosen(among: Iterable[T], seed: str, name: Callable[[T], str]) -> T:
    return min(among, key=lambda one: blake2b(f"{seed} {name(one)}".encode(), digest_size=8).digest())

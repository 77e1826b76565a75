"""The documents on which both sides are asked: HL7's examples, what is sent, mutants of both, HL7's own cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import TypeVar, cast

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
    """A document to be judged; ``valid`` is the verdict that its authors expect, ``None`` where they say nothing."""

    name: str
    text: bytes
    valid: bool | None = None


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
    expected = cast("list[dict[str, str]]", json.loads((folder / "expected.json").read_bytes()))
    for case in expected:
        yield Document(case["case"], (folder / "cases" / case["file"]).read_bytes(), case["verdict"] == "valid")


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

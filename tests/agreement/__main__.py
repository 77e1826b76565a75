"""Compares, prints what is found, and writes docs/agreement.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from fhir_msc.validation.profiles.known import Profiles, read_profiles
from tests.agreement.comparison import accepted, compared
from tests.agreement.documents import IPS_PACKAGES, Document, cases, example_trial, examples, ips, mutants, sdtm_study
from tests.agreement.mutations import OF_PROFILES, UNHEEDED
from tests.agreement.report import Part, figures, lines_of, page, suite_figures, unexplained
from tests.agreement.verdicts import Verdicts
from tests.support.packages import fetched

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
ENGINE = "hapi-fhir-validation 8.8.0"
MUTANTS = 2600
"""How many of the examples, and how many of the bodies."""
UNHEEDED_MUTANTS = 300
IPS_MUTANTS = 300
"""How many in the ways of the others, and how many in what profiles speak of."""
WITH_PACKAGES = {"ips": IPS_PACKAGES, "mutants-ips": IPS_PACKAGES}
"""The parts of which both sides know packages beside R4."""
CASES = 60
"""How many of HL7's cases should have the verdict that the suite expects."""


def _examples(folder: Path, verdicts: Verdicts) -> list[Document]:
    return list(examples())


def _example_trial(folder: Path, verdicts: Verdicts) -> list[Document]:
    return list(example_trial(folder))


def _sdtm_study(folder: Path, verdicts: Verdicts) -> list[Document]:
    return list(sdtm_study(SHARED, folder))


def _mutants_of_examples(folder: Path, verdicts: Verdicts) -> list[Document]:
    return list(mutants(accepted(compared(examples(), verdicts)), MUTANTS, "example"))


def _mutants_of_bodies(folder: Path, verdicts: Verdicts) -> list[Document]:
    bodies = [*example_trial(folder / "trial"), *sdtm_study(SHARED, folder / "study")]
    return list(mutants(bodies, MUTANTS, "body"))


def _unheeded(folder: Path, verdicts: Verdicts) -> list[Document]:
    return list(mutants(accepted(compared(examples(), verdicts)), UNHEEDED_MUTANTS, "unheeded", tuple(UNHEEDED)))


def _cases(folder: Path, verdicts: Verdicts) -> list[Document]:
    return list(cases(SHARED))


def _ips(folder: Path, verdicts: Verdicts) -> list[Document]:
    return list(ips())


def _mutants_of_ips(folder: Path, verdicts: Verdicts) -> list[Document]:
    right = accepted(compared(ips(), verdicts, _profiles(IPS_PACKAGES)))
    made = mutants(right, IPS_MUTANTS, "profile", tuple(OF_PROFILES), largest=40_000)
    return [*made, *mutants(right, IPS_MUTANTS, "ips", largest=40_000)]


@cache
def _profiles(packages: tuple[str, ...]) -> Profiles | None:
    return read_profiles([fetched(one) for one in packages]) if packages else None


PARTS: dict[str, tuple[str, str, float, Callable[[Path, Verdicts], list[Document]]]] = {
    "examples": (
        "HL7's examples",
        "The instance examples of `hl7.fhir.r4.examples` 4.0.1: all but those of definitions and files above 400 kB.",
        0.98,
        _examples,
    ),
    "trial": ("The example trial", "Every body of the example trial, in the blind project.", 1.0, _example_trial),
    "study": ("The study in SDTM", "Every body of a real study with 18 subjects in SDTM, blind.", 1.0, _sdtm_study),
    "mutants-examples": (
        "Mutants of the examples",
        "Those examples that both sides accept, with one thing broken, the same each time: something dropped, doubled"
        " or of another JSON type, a wrong code, a broken date, reference or unit, wrong nesting, each as often.",
        0.99,
        _mutants_of_examples,
    ),
    "mutants-bodies": (
        "Mutants of the bodies",
        "The bodies of both studies, broken in the same ways.",
        0.99,
        _mutants_of_bodies,
    ),
    "unheeded": (
        "What the engine does not look at",
        "The same examples with what R4 does not allow and the engine, without a server to ask, mostly lets pass:"
        " references to what is no resource of R4 or no type that is allowed at the place, control characters in text,"
        " code systems that are no absolute URI. No part of the mutants above; it has no aim.",
        0.0,
        _unheeded,
    ),
    "ips": (
        "The International Patient Summary",
        "The examples of `hl7.fhir.uv.ips` 2.0.0 against the profiles that they claim. Both sides have that package and"
        " `hl7.fhir.uv.extensions.r4` 5.3.0-ballot-tc1, which it names; not `hl7.fhir.uv.ipa` 1.1.0, which the registry"
        " does not have, nor the terminology of HL7.",
        0.9,
        _ips,
    ),
    "mutants-ips": (
        "Mutants of the summaries",
        "Those of its examples that both sides accept, with one thing broken: half of them in the ways above, half in"
        " what profiles speak of, the claim of another profile among it.",
        0.95,
        _mutants_of_ips,
    ),
    "cases": (
        "HL7's cases",
        "Half of the stand-alone R4 cases of HL7's validator suite, with the verdict that the suite expects and, as"
        " HL7's own runner has it, what each case refuses by its options, extensions that nobody knows always"
        " (`--refuse`); listed is where ours is another.",
        0.9,
        _cases,
    ),
}
"""Each part: its title, what it is, the share that is aimed at, and the documents."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compares the parts asked for; 1 where an aim is missed or a difference has no reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.agreement", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--output", type=Path, help="where to write the page; a full run writes docs/agreement.md")
    asked = parser.parse_args(arguments)
    if not SHARED.is_dir():
        print("the real inputs are not here: put the folder `shared` beside the project's", file=sys.stderr)
        return 1
    parts: list[Part] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        judges: dict[tuple[str, ...], Verdicts] = {}
        for name in asked.only or PARTS:
            start = time.perf_counter()
            title, what, aim, documents = PARTS[name]
            packages = WITH_PACKAGES.get(name, ())
            if packages not in judges:
                judge = Verdicts(ROOT / "build" / "agreement", packages=packages)
                judges[packages] = stack.enter_context(judge)
            verdicts = judges[packages]
            found = tuple(compared(documents(Path(folder, name), verdicts), verdicts, _profiles(packages)))
            failed = sum(one.engine.crashed for one in found) if name != "cases" else 0
            kept = tuple(one for one in found if name == "cases" or not one.engine.crashed)
            parts.append(Part(name, title, what, kept, aim, failed))
            print(f"{title}: {len(found)} documents in {time.perf_counter() - start:.0f} s", flush=True)
    suite = next((part for part in parts if part.name == "cases"), None)
    compare = [part for part in parts if part is not suite]
    results = figures(compare) + (suite_figures(suite.comparisons, CASES) if suite else [])
    print(*lines_of(results), sep="\n")
    for one in unexplained(compare):
        print(f"no reason: {one.document.name}: {one.engine.errors[:1] or one.ours[:1]}")
    output = asked.output or (None if asked.only else ROOT / "docs" / "agreement.md")
    if output is not None and suite is not None:
        output.write_text(page(compare, suite, CASES, datetime.now(UTC).date(), ENGINE), "utf-8")
        print(f"written to {output.name}")
    return 0 if all(one.met for one in results) and not unexplained(compare) else 1


if __name__ == "__main__":
    sys.exit(main())

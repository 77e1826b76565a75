"""The first sync to a real HAPI FHIR server, beside a bare uploader of the same bundles."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from fhir_msc.access import Surroundings
from fhir_msc.config import read_project
from fhir_msc.pipeline import sync
from tests.benchmarks.bench import Bench, Scale, middle, seconds, spread
from tests.benchmarks.report import Figure, Section
from tests.benchmarks.sink import Sink
from tests.benchmarks.study import new_trial, write_study
from tests.benchmarks.uploader import upload
from tests.support.hapi import HapiServer, hapi_unavailable_reason
from tests.support.projects import namespace_of

NAME = "first-sync"
TITLE = "First sync to HAPI"
BESIDE = "time beside the bare upload"
AIM = 1.10
_RID = re.compile(rb"\b([a-z])([0-9a-f]{40})\b")
_OTHER_DIGITS = bytes.maketrans(b"0123456789abcdef", b"fedcba9876543210")


@dataclass(frozen=True, slots=True)
class Trial:
    """A project that has not been synced yet, and the bundles of its first sync under other ids of the same length."""

    folder: Path
    resources: int
    bundles: tuple[bytes, ...]
    connections: int


@dataclass(slots=True)
class Legs:
    """Times in seconds. ``before`` is the part of a sync before the first resource is sent."""

    synced: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    uploaded: list[float] = field(default_factory=list)

    def sync(self, trial: Trial) -> None:
        """The whole first sync."""
        start = time.perf_counter()
        before: list[float] = []
        result = sync(
            read_project(trial.folder), Surroundings(), show_routes=lambda _: before.append(time.perf_counter() - start)
        )
        self.synced.append(time.perf_counter() - start)
        self.before += before
        sent = result.delivery and (result.delivery.created, result.delivery.sent)
        if sent != (trial.resources, len(trial.bundles)):
            raise RuntimeError(f"a sync sent {sent} resources and bundles, not what the upload had")

    def upload(self, trial: Trial, url: str) -> None:
        """The bare upload."""
        self.uploaded.append(seconds(lambda: upload(url, trial.bundles, trial.connections)))


def measure(bench: Bench) -> Section:
    """Rounds of four legs, sync and upload as A B B A, each into ids that are not there yet."""
    reason = None if bench.hapi else hapi_unavailable_reason()
    if reason:
        return Section(NAME, TITLE, f"Not measured: {reason}.", (Figure(BESIDE, "-", f"≤ {AIM:.2f}×"),))
    scale = bench.scale
    study = write_study(bench.study, bench.folder / "study", participants=scale.participants, cohorts=scale.cohorts)
    legs, written = Legs(), 0
    with _server(bench.hapi) as url:
        trials = _trials(bench.folder, study, url)
        trial = next(trials)
        while written < scale.warm_up:
            Legs().upload(trial, url)
            Legs().sync(trial)
            written += 2 * trial.resources
            trial = next(trials)
        for _ in range(scale.rounds):
            first, second = next(trials), next(trials)
            legs.sync(first)
            legs.upload(first, url)
            legs.upload(second, url)
            legs.sync(second)
    return _section(legs, trial, written, scale)


def _section(legs: Legs, trial: Trial, written: int, scale: Scale) -> Section:
    ratio = sum(legs.synced) / sum(legs.uploaded)
    rate = trial.resources / middle(legs.synced)
    pairs = [ours / bare for ours, bare in zip(legs.synced, legs.uploaded, strict=True)]
    return Section(
        NAME,
        TITLE,
        f"HAPI FHIR JPA 8.8.0 on the same machine, H2 in memory, warmed by {written:,} writes. `sync` goes all the way:"
        f" it reads the export (the study with its participants {scale.cohorts} times under other ids), maps, checks,"
        " stages into a new ledger, asks the server what it is, and sends. The bare"
        f" uploader posts {len(trial.bundles)} bundles of {trial.resources:,} resources that stand ready, those that"
        f" `sync` sends but for ids and namespace, on as many connections ({trial.connections}) with the same"
        " `Prefer: return=minimal`, and reads nothing of the answers but the status. Each pair has a namespace, an"
        f" identity and a secret of its own. Order: A B B A, {scale.rounds} times.",
        (
            Figure(BESIDE, f"{ratio:.2f}× (pairs {spread(pairs)})", f"≤ {AIM:.2f}×", ratio <= AIM),
            Figure("resources a second, sync", f"{rate:,.0f}"),
            Figure("resources a second, bare upload", f"{trial.resources / middle(legs.uploaded):,.0f}"),
            Figure("of a sync's time, before the first resource is sent", f"{sum(legs.before) / sum(legs.synced):.0%}"),
        ),
        {"hapi resources a second": rate},
    )


@contextmanager
def _server(running: str | None) -> Iterator[str]:
    if running is not None:
        yield running
        return
    with HapiServer(optimise=True, heap="6g") as server:
        yield server.base_url


def _trials(folder: Path, study: Path, url: str) -> Iterator[Trial]:
    metadata = httpx.get(f"{url}/metadata", trust_env=False, timeout=60).content
    number = 0
    while True:
        number += 1
        trial = new_trial(folder / f"trial-{number}", study, url)
        double = Path(shutil.copytree(trial, folder / f"double-{number}"))
        sink = Sink(metadata, keep=True)
        project = read_project(double)
        sync(project, Surroundings(transport=sink.transport()))
        _, target = project.target
        yield Trial(trial, sink.written, _renamed(sink.bundles, namespace_of(trial)), target.connections)


def _renamed(bundles: Sequence[bytes], namespace: str) -> tuple[bytes, ...]:
    """The same bundles, byte for byte, but for the digits of the ids and a word of the namespace."""
    known, other = namespace.encode(), namespace.replace("//trial-", "//other-").encode()
    return tuple(
        _RID.sub(lambda found: found[1] + found[2].translate(_OTHER_DIGITS), bundle.replace(known, other))
        for bundle in bundles
    )

"""``validate`` on NDJSON files: two processes beside one, and the peak of memory on a large file."""

from __future__ import annotations

from pathlib import Path

from fhir_msc.config import read_project
from fhir_msc.pipeline import checked
from fhir_msc.validation.files import validate_files
from tests.benchmarks.bench import Bench, middle, seconds
from tests.benchmarks.memory import peak_of
from tests.benchmarks.report import Figure, Section
from tests.benchmarks.sink import BASE
from tests.benchmarks.study import new_trial, write_study

NAME = "files"
_MB = 1_000_000


def measure(bench: Bench) -> Section:
    """The bodies of the study as one file, again and again until it is large enough."""
    scale = bench.scale
    study = write_study(bench.study, bench.folder / "study", participants=scale.participants)
    bodies: list[bytes] = []
    checked(
        read_project(new_trial(bench.folder / "project", study, BASE)),
        keep=lambda batch: bodies.extend(one.body for one in batch),
    )
    text = b"".join(body + b"\n" for body in bodies)
    large = _file(bench.folder / "large.ndjson", text, scale.file_bytes)
    small = _file(bench.folder / "small.ndjson", text, scale.file_bytes // scale.many)
    one, two = [], []
    repeats = min(scale.repeats, 3)
    for _ in range(repeats):
        one.append(seconds(lambda: validate_files([large])))
        two.append(seconds(lambda: validate_files([large], jobs=2)))
    peaks = [peak_of("validate", path) for path in (small, large)]
    sizes = [path.stat().st_size / _MB for path in (small, large)]
    ratio = middle(one) / middle(two)
    return Section(
        NAME,
        "Files",
        f"`validate` on NDJSON: the bodies of the study, again and again, {sizes[0]:,.0f} MB and {sizes[1]:,.0f} MB."
        f" One process and two alternate {repeats} times on the larger file, start of the second included."
        " Memory is the peak of a process of its own (`python -m tests.benchmarks.peak`).",
        (
            Figure("two processes beside one", f"{ratio:.2f}×", "≥ 1.7×", ratio >= 1.7),
            Figure("memory, the smaller file", f"{peaks[0] / _MB:.0f} MB", "≤ 100 MB", peaks[0] <= 100 * _MB),
            Figure(
                f"memory, {scale.many} times the file",
                f"{peaks[1] / peaks[0]:.2f}× ({peaks[1] / _MB:.0f} MB)",
                "≤ 1.1×",
                peaks[1] <= 1.1 * peaks[0],
            ),
        ),
    )


def _file(path: Path, text: bytes, size: int) -> Path:
    with path.open("wb") as stream:
        while stream.tell() < size:
            stream.write(text)
    return path

"""FHIR files from a disk or a pipe: JSON, NDJSON, folders of them, checked in flat memory and in several processes.

The input is divided into blocks of about a mebibyte, an NDJSON file between its lines. What is found in a block hangs
on the block alone, and blocks are counted in their order: the report is the same for any number of processes.
"""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, TypeAlias

from fhir_msc.collector import collect_rarely
from fhir_msc.findings import Finding, Origin, Place
from fhir_msc.paths import AnyPath, each_path
from fhir_msc.reports.tally import Report, Selection, Tally
from fhir_msc.validation import placed, refused_findings, text_findings, trial_findings
from fhir_msc.validation.folders import cannot_be_read, files_below
from fhir_msc.validation.parsing import MAX_SIZE
from fhir_msc.validation.profiles.notes import ONCE

if TYPE_CHECKING:
    from fhir_msc.validation.profiles.known import Profiles
    from fhir_msc.validation.refusals import Refused
    from fhir_msc.validation.trial import TrialRules
    from fhir_msc.validation.trial.sets import Document, SetOfFiles

_BLOCK = 1024 * 1024
_AHEAD = 3  # tasks that each other process has before it
_WAITING = 64  # results, for each process, that may wait for one before them


Part: TypeAlias = "tuple[Tally, Sequence[Document]]"
"""What was found in some blocks, and what the rules about a set must know of them."""


class Block(NamedTuple):
    """A piece of input: a whole document, or whole lines of an NDJSON file and the number of the first of them."""

    name: str
    text: bytes
    line: int | None = None


Progress = Callable[[str, int, int | None], None]
"""Told what is being read, how many bytes of it are done, and of how many, if that is known."""


Second = Callable[[bytes, Sequence[Finding]], list[Finding]]
"""The text of a resource and what was found in it; gives that, and what others find."""


def validate_files(
    paths: AnyPath | Iterable[AnyPath],
    selection: Selection | None = None,
    *,
    jobs: int = 1,
    progress: Progress = lambda what, done, of: None,
    second: Second | None = None,
    profiles: Profiles | None = None,
    trial: TrialRules | None = None,
    refused: Collection[Refused] = (),
) -> Report:
    """Checks FHIR R4 resources in files; ``-`` is standard input. Files are known by their suffix: ``.ndjson`` holds
    one resource per line, any other file one resource; of a folder those ending in ``.json`` and ``.ndjson`` are read.

    ``jobs`` is the number of processes that check. ``second`` adds what others find to what was found of a text; it is
    asked in this process, one resource after the other. ``profiles`` are what resources are held against beside R4's
    own. ``trial`` asks for the trial rules, too. ``refused`` is what is an error though R4 allows it. Nothing else is
    fetched from anywhere. A file or an inner folder that cannot be read, and a folder without such files, are told in
    ``unreadable`` of the report, and the others go on. Raises SourceError for a path that is not there.
    """
    chosen = selection or Selection()
    unreadable: list[str] = []
    files = files_below(each_path(paths), unreadable)
    tally = Tally(chosen.most)
    tasks = _tasks(_blocks(files, unreadable), progress, sum(size for _, size in files if size) or None)
    check = partial(_checked, chosen, second, profiles, trial, frozenset(refused))
    gathered = _gathered(trial)
    for part, documents in _each(check, tasks, 1 if second else jobs):
        tally.merge(part)
        if gathered is not None:
            gathered.add(documents)
    if gathered is not None:
        gathered.tell(tally, chosen)
    return tally.report(unreadable=unreadable)


def _gathered(trial: TrialRules | None) -> SetOfFiles | None:
    if trial is None:
        return None
    from fhir_msc.validation.trial.sets import SetOfFiles

    return SetOfFiles(trial)


def _blocks(files: Iterable[tuple[Path, int | None]], unreadable: list[str]) -> Iterator[Block]:
    for path, size in files:
        name = "stdin" if size is None else str(path)
        try:
            if size is None:
                yield from _stream_blocks(name, sys.stdin.buffer)
                continue
            with path.open("rb") as stream:
                if path.suffix == ".ndjson":
                    yield from _line_blocks(name, stream)
                else:
                    yield Block(name, stream.read(MAX_SIZE + 1))
        except OSError as error:
            unreadable.append(str(cannot_be_read(name, error)))


def _line_blocks(name: str, stream: IO[bytes], head: bytes = b"") -> Iterator[Block]:
    """Whole lines; of one that is longer than a resource may be only so much that this is seen."""
    line = 1
    while block := head or stream.read(_BLOCK):
        head = b""
        if not block.endswith(b"\n"):
            rest = stream.readline(MAX_SIZE + 1)
            block += rest
            if len(rest) > MAX_SIZE and not rest.endswith(b"\n"):
                while (rest := stream.readline(_BLOCK)) and not rest.endswith(b"\n"):
                    pass
                block += b"\n"
        yield Block(name, block, line)
        line += block.count(b"\n")


def _stream_blocks(name: str, stream: IO[bytes]) -> Iterator[Block]:
    """Lines where each is a resource, else one document: no document goes on with ``{`` in the line after a ``}``."""
    head = stream.read(_BLOCK)
    lines = _first_lines(head)
    while len(lines) < 2 and (more := stream.readline(MAX_SIZE + 1)):
        head += more
        lines = _first_lines(head)
        if len(head) > MAX_SIZE:
            break
    if len(lines) == 2 and lines[0].startswith(b"{") and lines[0].endswith(b"}") and lines[1].startswith(b"{"):
        yield from _line_blocks(name, stream, head)
    else:
        yield Block(name, head + stream.read(max(MAX_SIZE + 1 - len(head), 0)))


def _first_lines(text: bytes) -> list[bytes]:
    """The first two lines that are not blank."""
    found: list[bytes] = []
    start = 0
    while len(found) < 2 and start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].strip()
        if line:
            found.append(line)
        start = end + 1
    return found


def _tasks(blocks: Iterable[Block], progress: Progress, of: int | None) -> Iterator[Sequence[Block]]:
    """Blocks together, so that many small files are one task."""
    together: list[Block] = []
    size = done = 0
    for block in blocks:
        together.append(block)
        size += len(block.text)
        done += len(block.text)
        if size >= _BLOCK:
            yield together
            progress(block.name, done, of)
            together, size = [], 0
    if together:
        yield together


def _each(check: Callable[[Sequence[Block]], Part], tasks: Iterable[Sequence[Block]], jobs: int) -> Iterator[Part]:
    """What each task gives, in their order. This process is one of those that check: it takes what the others do not
    soon need. No more is read than what they can soon take."""
    if jobs <= 1:
        yield from map(check, tasks)
        return
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing import get_context

    others = jobs - 1
    pool = ProcessPoolExecutor(others, mp_context=get_context("spawn"), initializer=collect_rarely)
    waiting: deque[Future[Part]] = deque()
    given: deque[Future[Part]] = deque()
    try:
        for task in tasks:
            while given and given[0].done():
                given.popleft()
            if len(given) < _AHEAD * others:
                with _without_interruption():
                    given.append(pool.submit(check, task))
                waiting.append(given[-1])
            else:
                waiting.append(Future())
                waiting[-1].set_result(check(task))
            while waiting and (waiting[0].done() or len(waiting) > _WAITING * jobs):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _without_interruption() -> Iterator[None]:
    """Processes that are started within never see a Ctrl-C: whoever started them does, and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _checked(
    selection: Selection,
    second: Second | None,
    profiles: Profiles | None,
    trial: TrialRules | None,
    refused: frozenset[Refused],
    blocks: Sequence[Block],
) -> Part:
    tally = Tally(selection.most)
    documents: list[Document] = []
    for block in blocks:
        for row, text in _resources(block):
            tally.resources += 1
            found = text_findings(text, profiles)
            if refused:
                found = [*found, *refused_findings(text, refused, profiles)]
            if second is not None:
                found = second(text, found)
            if trial is not None:
                from fhir_msc.validation.trial.sets import document

                told, facts = trial_findings(text, trial)
                found = [*found, *told]
                documents.append(document(block.name, row, text, facts))
            if found:
                origins = (Origin(block.name, block.name, row),)
                found = [replace(one, origins=origins) for one in found]
                place = partial(_placed, text, (row or 1) - 1)
                if any(one.rule in ONCE for one in found):
                    tally.add_once([one for one in found if one.rule in ONCE], selection, place=place)
                    found = [one for one in found if one.rule not in ONCE]
                tally.add(found, selection, content=None if row is None else text, place=place)
    return tally, documents


def _resources(block: Block) -> Iterator[tuple[int | None, bytes]]:
    if block.line is None:
        yield None, block.text
        return
    for number, line in enumerate(block.text.split(b"\n"), block.line):
        if line.strip():
            yield number, line


def _placed(text: bytes, lines: int, findings: Sequence[Finding]) -> Sequence[Finding]:
    """The findings with their places in the file, of which so many lines stand before the text."""
    found = placed(text, findings)
    return (
        found
        if not lines
        else [
            one if one.place is None else replace(one, place=Place(one.place.line + lines, one.place.column))
            for one in found
        ]
    )

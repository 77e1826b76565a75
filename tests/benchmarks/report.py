"""What a row found, as a plain table on the terminal and as a page of Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. ``met`` says whether it reaches its aim; ``None`` where there is no aim or nothing was measured."""

    what: str
    value: str
    aim: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One row of the benchmarks. ``how`` says what was measured; ``facts`` are numbers that later rows use."""

    name: str
    title: str
    how: str
    figures: tuple[Figure, ...]
    facts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where and when it was measured."""

    day: date
    cores: int
    memory_gb: float
    machine: str
    python: str
    load: float

    @classmethod
    def here(cls, day: date) -> Conditions:
        """This machine. ``load`` is the number of busy processes of others when the run began."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        system = f"{platform.system()} {platform.machine()}"
        python = f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})"
        return cls(day, os.cpu_count() or 1, memory, system, python, os.getloadavg()[0])


def verdict(figure: Figure) -> str:
    """Whether the aim is met, in a word."""
    return {True: "met", False: "missed", None: ""}[figure.met]


def plain(section: Section) -> str:
    """A section for the terminal."""
    rows = [(one.what, one.value, one.aim and f"aim {one.aim}", verdict(one)) for one in section.figures]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    ]
    return "\n".join([f"{section.name}: {section.title}", *(f"  {line}" for line in lines)])


def page(sections: Sequence[Section], conditions: Conditions) -> str:
    """The whole as Markdown."""
    where = conditions
    parts = [
        "# Benchmarks",
        "",
        "Written by `make bench`. What is compared was measured in one run on one machine: read the ratios, for the",
        "absolute figures depend on the machine. No test asserts a time.",
        "",
        f"Measured on {where.day.isoformat()}: {where.machine}, {where.cores} cores, {where.memory_gb:.0f} GB,"
        f" {where.python}; load of the machine at the start {where.load:.1f}."
        " Python's collector of garbage is set as in the commands (`fhir_msc/collector.py`).",
        "",
        "| what | measured | aim | |",
        "| --- | --- | --- | --- |",
        *(_line(section, figure) for section in sections for figure in section.figures if figure.aim),
    ]
    for section in sections:
        parts += [
            "",
            f"## {section.title}",
            "",
            section.how,
            "",
            f"    python -m tests.benchmarks --only {section.name}",
        ]
        parts += ["", "| | | aim | |", "| --- | --- | --- | --- |"]
        parts += [f"| {one.what} | {one.value} | {one.aim} | {verdict(one)} |" for one in section.figures]
    return "\n".join(parts) + "\n"


def _line(section: Section, figure: Figure) -> str:
    return f"| {section.title}: {figure.what} | {figure.value} | {figure.aim} | {verdict(figure)} |"

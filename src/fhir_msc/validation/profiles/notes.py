"""What is told once and not of every resource: profiles that are not known, and what cannot be checked without them."""

from __future__ import annotations

import re
from dataclasses import replace

from fhir_msc.findings import Finding, Severity
from fhir_msc.validation.problems import Problem

UNKNOWN_PROFILE = "MSC-PROFILE-UNKNOWN"
UNCHECKED = "MSC-PROFILE-UNCHECKED"
MUST_SUPPORT = "MSC-PROFILE-MUST-SUPPORT"
ONCE = frozenset({UNKNOWN_PROFILE, UNCHECKED, MUST_SUPPORT})
"""The rules whose findings say the same wherever they stand."""


_is_profile_url = re.compile(
    r"https?://[A-Za-z0-9.\-:]+(?:/[A-Za-z0-9.\-_]+)*/StructureDefinition/[A-Za-z0-9.\-_]{1,64}(?:\|[A-Za-z0-9.\-]+)?"
).fullmatch


def unknown_profile(url: str, path: str) -> Problem:
    """A profile that a resource claims, and of which nothing is known. It is named where its URL has the form of one:
    other text may be anybody's."""
    name = f"the profile {url}" if _is_profile_url(url) else "what is claimed as a profile"
    return Problem(
        UNKNOWN_PROFILE,
        f"{name} is not known: nothing is held against it",
        path,
        url,
        hint="name its package with --package FILE.tgz",
        severity=Severity.WARNING,
    )


def unchecked(what: str, path: str = "") -> Problem:
    """Something that a profile says and that cannot be checked here, with the reason."""
    return Problem(UNCHECKED, f"not checked: {what}", path, severity=Severity.INFORMATION)


def not_supported(profile: str, element: str) -> Problem:
    """An element that a profile marks as must-support, and that a resource has not."""
    return Problem(
        MUST_SUPPORT, f"profile {profile}: must support {element}, which is not there", severity=Severity.INFORMATION
    )


def once(findings: list[Finding]) -> list[Finding]:
    """The findings with each of those rules once, at its first place, with its count."""
    counts: dict[tuple[str, str], int] = {}
    for one in findings:
        if one.rule in ONCE:
            counts[one.rule, one.message] = counts.get((one.rule, one.message), 0) + one.count
    if not counts:
        return findings
    kept = []
    for one in findings:
        if one.rule not in ONCE:
            kept.append(one)
        elif (count := counts.pop((one.rule, one.message), 0)) > 0:
            kept.append(replace(one, count=count))
    return kept

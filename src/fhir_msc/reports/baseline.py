"""A baseline: findings that are known, so that a run tells only of new ones.

One JSON file, made to stand in a repository: rule, file and path of each finding for people, its fingerprint for the
next run. It holds no values. An entry whose finding is gone does no harm.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from fhir_msc.errors import UsageError
from fhir_msc.paths import AnyPath
from fhir_msc.reports.tally import Report

_FORMAT = "fhir-msc baseline 1"


def read_baseline(path: AnyPath) -> frozenset[str]:
    """The fingerprints of a baseline. Raises UsageError where it cannot be read, or is none."""
    try:
        document = orjson.loads(Path(path).read_bytes())
        if document["format"] != _FORMAT:
            raise ValueError(document["format"])
        return frozenset(str(entry["fingerprint"]) for entry in document["findings"])
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({type(error).__name__})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: is no baseline", hint="write one with --write-baseline FILE") from error


def write_baseline(path: AnyPath, report: Report) -> None:
    """Writes the findings of a report as a baseline. Raises UsageError where the report does not hold all of them."""
    if report.omitted:
        raise UsageError(
            f"{report.omitted:,} findings are counted and not kept: no baseline can name them",
            hint=f"say --max-findings {report.found}",
        )
    entries = {
        one.fingerprint: {
            "rule": one.finding.rule,
            "file": one.finding.origins[0].file if one.finding.origins else "",
            "path": one.finding.path or "",
            "fingerprint": one.fingerprint,
        }
        for one in report.findings
    }
    document = {"format": _FORMAT, "findings": sorted(entries.values(), key=lambda entry: tuple(entry.values()))}
    try:
        Path(path).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({type(error).__name__})") from error

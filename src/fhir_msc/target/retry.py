"""What an answer means and what to do next. Pure: clock and randomness are parameters.

The classes follow what servers really answer: the same version conflict arrives as 409 (HAPI, Azure, Oracle), 412 (R4)
or 428; 429 is safe to repeat for every method, 5xx after a POST is not; a write that was sent and not answered is
verified, whatever its method, because a blind repeat could overwrite somebody's change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from fhir_msc.errors import OutcomeUnknown, TargetError, TargetRefused, TargetUnreachable
from fhir_msc.target.bundle import Entry, EntryResponse, Method
from fhir_msc.target.outcome import TRANSIENT, code_of

BASE_SECONDS = 1.0
CAP_SECONDS = 300.0
REREADS = 3
"""How often a version conflict is read again before it is left to a person."""
SERVER_ERRORS = 2
"""How often a plain 5xx is tried again before it is final."""


class Action(StrEnum):
    """What to do with a request after its answer."""

    SUCCESS = "success"
    RETRY = "retry"
    """Send it again after ``backoff``; nothing of it was applied, or applying it again changes nothing."""
    VERIFY = "verify"
    """Unknown whether it was applied: read, then decide."""
    REREAD = "reread"
    """Another version: read; if the server still holds what was last sent, send with its version."""
    CONFLICT = "conflict"
    """Read again often enough: for a person."""
    DUPLICATES = "duplicates"
    """The criteria of a conditional request match several resources: for a person."""
    HALVE = "halve"
    """Too large: send it in two halves."""
    REAUTH = "reauth"
    """Get new credentials, once."""
    FORBIDDEN = "forbidden"
    """Not allowed, and stays so until the operator acts."""
    DEAD = "dead"
    """Refused for what it is: a dead letter."""
    FATAL = "fatal"
    """Wrong for every request to this target: stop and say so."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was sent, as far as the decision needs it.

    ``method`` is the HTTP method, for a bundle that of its least repeatable entry. ``attempt`` counts the tries that
    ended in the same way, from 1. ``conditional`` means criteria (If-None-Exist, ``PUT Type?…``).
    """

    method: Method
    attempt: int = 1
    entries: int = 1
    conditional: bool = False
    if_match: bool = False
    idempotency_key: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The action and why. ``after`` is the wait in seconds that the server asked for, before ``backoff`` clamps it."""

    action: Action
    why: str
    after: float | None = None


_LEAST_REPEATABLE_FIRST: tuple[Method, ...] = ("POST", "DELETE", "PUT")
_BUSY = {
    408: "the server gave up waiting",
    429: "the server throttles",
    502: "the gateway had no good answer",
    503: "the server is not available",
    504: "the gateway had no answer in time",
}
_NEVER = {501: "the server does not implement this", 505: "the server does not speak this HTTP version"}
_PASSING = TRANSIENT - {"conflict"}
_NOTHING_APPLIED = _PASSING - {"timeout"}
_SEVERAL = frozenset({"multiple-matches", "duplicate"})


def asked_of(entries: Sequence[Entry], attempt: int = 1) -> Asked:
    """What a bundle of these entries asks: it is as repeatable as its least repeatable entry."""
    methods = {entry.method for entry in entries}
    return Asked(
        method=next((method for method in _LEAST_REPEATABLE_FIRST if method in methods), "GET"),
        attempt=attempt,
        entries=len(entries),
        conditional=any(entry.if_none_exist is not None or "?" in entry.url for entry in entries),
        if_match=any(entry.if_match is not None for entry in entries),
    )


def classify(answer: TargetError | EntryResponse, asked: Asked) -> Decision:
    """What to do after ``answer``: an error of the client, or the status of one write or bundle entry."""
    if isinstance(answer, OutcomeUnknown):
        return Decision(Action.VERIFY, "sent and not answered")
    if isinstance(answer, TargetUnreachable):
        return Decision(Action.RETRY, "the server cannot be reached")
    if isinstance(answer, TargetRefused):
        return _by_status(answer.status, answer.reasons, answer.retry_after, asked)
    if isinstance(answer, EntryResponse):
        return _by_status(answer.status, answer.reasons, None, asked)
    return Decision(Action.FATAL, "the answer is not that of a FHIR server")


def _by_status(status: int, reasons: Sequence[str], after: float | None, asked: Asked) -> Decision:
    codes = {code_of(reason) for reason in reasons}
    if 200 <= status < 300:
        return Decision(Action.SUCCESS, "done")
    if status < 400:
        return Decision(Action.FATAL, "the server points elsewhere")
    if status == 401:
        first = asked.attempt == 1
        return Decision(Action.REAUTH if first else Action.FATAL, "the credentials are refused")
    if status in _BUSY:
        return _busy(status, codes, after, asked)
    if status == 413:
        return Decision(Action.HALVE if asked.entries > 1 else Action.DEAD, "too large for the server")
    # 410 (404 where nothing is kept of it) to an update: somebody deleted what we had, which is a change like any other
    deleted = status in (404, 410) and (asked.if_match or asked.method == "DELETE") and bool(reasons or status == 410)
    if deleted or status in (409, 412, 428) or (status < 500 and "conflict" in codes):
        return _contention(status, codes, asked, is_gone=deleted)
    if status in (404, 405) and not reasons and asked.method != "GET":
        return Decision(Action.FATAL, "whatever answers there is no FHIR server")
    if status in _NEVER:
        return Decision(Action.DEAD, _NEVER[status])
    if status >= 500:
        return _failed(codes, after, asked)
    if codes & _PASSING:
        return Decision(Action.RETRY, "the server says that it will pass", after)
    if status == 403:
        return Decision(Action.FORBIDDEN, "not allowed for these credentials")
    return Decision(Action.DEAD, "refused for what it is")


def _busy(status: int, codes: set[str], after: float | None, asked: Asked) -> Decision:
    repeatable = status == 429 or asked.method != "POST" or codes & _NOTHING_APPLIED
    return Decision(Action.RETRY if repeatable else Action.VERIFY, _BUSY[status], after)


def _contention(status: int, codes: set[str], asked: Asked, *, is_gone: bool) -> Decision:
    if status == 409 and asked.idempotency_key:
        return Decision(Action.SUCCESS, "the server has it already under this idempotency key")
    if status == 412 and asked.conditional:
        if "not-supported" in codes:
            return Decision(Action.DEAD, "the server does not take conditional requests")
        if not asked.if_match or codes & _SEVERAL:
            return Decision(Action.DUPLICATES, "several resources match")
    if asked.method == "POST" and not asked.if_match:
        # A create has no version to be out of date: whoever won the race may have been an earlier try of ours.
        return Decision(Action.VERIFY, "another write came between")
    if asked.method == "DELETE" and not asked.if_match and not is_gone:
        return Decision(Action.DEAD, "still referred to")
    if asked.attempt > REREADS:
        return Decision(Action.CONFLICT, f"another version, {REREADS} times over")
    return Decision(Action.REREAD, "another version")


def _failed(codes: set[str], after: float | None, asked: Asked) -> Decision:
    if codes & _NOTHING_APPLIED:
        return Decision(Action.RETRY, "the server says that it will pass", after)
    if asked.method == "POST":
        # However often: what it did before it failed can only be read.
        return Decision(Action.VERIFY, "the server failed", after)
    if asked.attempt > SERVER_ERRORS:
        return Decision(Action.DEAD, f"the server failed on it {asked.attempt} times")
    return Decision(Action.RETRY, "the server failed", after)


def backoff(attempt: int, retry_after: float | None, random: Callable[[], float], *, cap: float = CAP_SECONDS) -> float:
    """Seconds to wait before try ``attempt + 1`` (``attempt`` from 1); ``random`` gives numbers in [0, 1).

    Full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015): anything between 0 and
    ``1 s * 2**(attempt - 1)``. Where the server names a wait, that wait, at least one second, and up to a second of
    jitter, so that many lanes do not come back at once. Never more than ``cap``.
    """
    if retry_after is not None:
        return min(cap, max(retry_after, BASE_SECONDS) + random() * BASE_SECONDS)
    ceiling = min(cap, BASE_SECONDS * 2.0 ** min(max(attempt, 1) - 1, 62))
    return random() * ceiling


_SECONDS = re.compile(r"^\d{1,9}(?:\.\d{1,9})?$")
_MILLISECONDS = re.compile(r"^\d{1,12}$")
_RATE_RESET = re.compile(r";\s*t=(\d{1,9})\b")


def retry_after(status: int, headers: Mapping[str, str], now: float) -> float | None:
    """The wait in seconds that the server asks for, or ``None``; the longest where several headers name one.

    Reads ``Retry-After`` (RFC 9110 10.2.3: seconds, or a date, which counts from the answer's own ``Date`` if it has
    one, so that a wrong clock does no harm), ``x-ms-retry-after-ms`` (Azure) and, on a 429, ``RateLimit: …;t=``
    (Medplum). ``headers`` is looked up in lower case; ``now`` is a POSIX timestamp.
    """
    waits = []
    asked = _wait(headers.get("retry-after", "").strip(), headers.get("date"), now)
    if asked is not None:
        waits.append(asked)
    if _MILLISECONDS.match(exact := headers.get("x-ms-retry-after-ms", "").strip()):
        waits.append(int(exact) / 1000)
    if status == 429:
        waits.extend(float(seconds) for seconds in _RATE_RESET.findall(headers.get("ratelimit", "")))
    return max(waits, default=None)


def _wait(asked: str, date: str | None, now: float) -> float | None:
    if _SECONDS.match(asked):
        return float(asked)
    until = _timestamp(asked)
    if until is None:
        return None
    answered = _timestamp(date) if date else None
    return max(0.0, until - (now if answered is None else answered))


def _timestamp(http_date: str) -> float | None:
    try:
        moment: datetime = parsedate_to_datetime(http_date)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

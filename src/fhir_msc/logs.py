"""Logs without participants' data: an allow-list of words, everything else is dropped before it is written.

One line of JSON per event on stderr. Keys are opaque ids; no value, subject code, URL or body ever stands in a line.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

ALLOWED = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "target",
        "table",
        "resource_type",
        "key",
        "state",
        "attempt",
        "status",
        "outcome",
        "reason",
        "count",
        "sent",
        "new",
        "changed",
        "held",
        "vanished",
        "conflicts",
        "dead",
        "waiting",
        "seconds",
        "error",
        "request_id",
    }
)
"""The only words a log line may have."""

_CHATTY = ("httpx", "httpcore", "sqlalchemy", "alembic", "uvicorn")
# These log URLs, statements with their parameters, and requests.


def only_allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drops every key that is not allowed."""
    return {name: value for name, value in event.items() if name in ALLOWED}


def configure() -> FilteringBoundLogger:
    """Sets the process up to log, and gives the logger."""
    import structlog

    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_allowed,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger

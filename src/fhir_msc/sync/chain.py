"""One chain of parcels on its way, step by step: what is asked next, and what an answer means for the ledger.

A chain belongs to the thread that owns the ledger. ``next_job`` reads and writes inside the caller's transaction and
says what is to be asked of the server; once that is answered, ``answered`` or ``failed`` writes what became of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from sqlalchemy import Connection

from fhir_msc.errors import TargetError, TargetRefused
from fhir_msc.sync import audit, outbox
from fhir_msc.sync.exchange import Outgoing, Wanted
from fhir_msc.sync.planning import Limits, Parcel, Pending, cut, halves, set_apart
from fhir_msc.sync.standing import (
    Standing,
    adopted,
    confirmed,
    conflicting,
    judge,
    leased,
    postponed,
    refused,
    returned,
    unknown,
    waiting,
)

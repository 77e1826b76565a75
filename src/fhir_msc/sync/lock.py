"""One at a time: who delivers for a project holds its lock.

``flock`` on a file in the state folder, which the system gives back when the holder dies, however it dies. The holder's
process id stands inside, for the message that a second one gets.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fhir_msc.errors import LedgerError


@contextmanager
def project_lock(path: Path) -> Iterator[None]:
    """Holds the lock while the block runs; makes its folder. Raises LedgerError if another process, or another block,
    holds it, and where this user may not write there."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LedgerError(
            f"{error.filename or path}: the project's state cannot be written: {error.strerror}",
            hint="run fhir-msc as the user whom the project's folder belongs to, on a disk that takes writes",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise LedgerError(
                f"another fhir-msc holds this project (pid {holder})",
                hint="a sync or a worker: let it finish, or stop it; status shows how the target stands meanwhile",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)

"""Every exception that fhir_msc raises on purpose, ordered by what the caller does next.

    FhirMscError                    anything of ours
    ├── UsageError                  exit 2: the call or a file the user wrote is wrong; change it and call again
    │   ├── ConfigError             fhir-msc.toml, at file:line
    │   ├── PackError               a mapping pack, at file:line:column
    │   ├── SecretError             the secret is missing, readable by others, or not the ledger's
    │   ├── RewriteError            another pack or engine would rewrite much of a target; look, then confirm
    │   └── LedgerError             the ledger is locked, newer than this engine, of another project or server
    ├── SourceError                 exit 3: an input cannot be read; nothing of that table counts as vanished
    ├── BlindError                  exit 4: a sealed field came where none may come; nothing was sent
    └── TargetError                 exit 5: the server
        ├── TargetUnreachable       no answer; the request was never sent, or reading is safe to repeat
        ├── OutcomeUnknown          sent, no answer: verify before sending again
        └── TargetRefused           an answer that says no (status, reasons); a 4xx stays no until a person acts

No message of these carries a value of a participant: they name files, tables, rows, columns, keys and codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class FhirMscError(Exception):
    """Anything of ours. ``exit_code`` is what the command line ends with; ``hint`` names the next thing to do."""

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(FhirMscError):
    """The call, or a file that the user wrote, is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """The project's TOML is wrong; the message starts with ``file:line``."""


class PackError(UsageError):
    """A mapping pack is wrong; the message starts with ``file:line:column``."""


class SecretError(UsageError):
    """The project's secret is missing, readable by others, or another than the ledger's."""


class RewriteError(UsageError):
    """Another pack or engine would rewrite more than a tenth of what a target has; nothing was sent."""


class LedgerError(UsageError):
    """The ledger is in use, newer than this engine, or belongs to another project or server."""


class SourceError(FhirMscError):
    """An input cannot be read. Nothing of its table is taken as vanished."""

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        file: str,
        table: str | None = None,
        row: int | None = None,
        column: str | None = None,
        hint: str | None = None,
    ) -> None:
        place = ", ".join(
            part
            for part in (
                file,
                f"table {table}" if table and table != file else "",
                f"row {row}" if row is not None else "",
                f"column {column}" if column else "",
            )
            if part
        )
        super().__init__(f"{place}: {message}", hint=hint)
        self.what = message
        self.file, self.table, self.row, self.column = file, table, row, column

    def at_row(self, row: int) -> SourceError:
        """The same error of another row, for who counts rows otherwise than the reader below."""
        return SourceError(self.what, file=self.file, table=self.table, row=row, column=self.column, hint=self.hint)


class BlindError(FhirMscError):
    """A sealed field came where none may come."""


class TargetError(FhirMscError):
    """The server did not do what was asked."""

    exit_code = 5


class TargetUnreachable(TargetError):
    """No connection, or no answer to a request that changes nothing."""


class OutcomeUnknown(TargetError):
    """A request that may have changed the server was sent and not answered."""


class TargetRefused(TargetError):
    """The server answered and said no.

    ``status`` is the HTTP status; ``reasons`` are the issues of its OperationOutcome as ``code`` or
    ``code at expression``, without diagnostics, which can echo a participant's values.
    ``retry_after`` is in seconds, as the server asked.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reasons: Sequence[str] = (),
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reasons = tuple(reasons)
        self.retry_after = retry_after

"""A refusal, and the OperationOutcome that tells it."""

from __future__ import annotations

import orjson


class Refused(Exception):
    """The request cannot be done.

    ``status`` is the HTTP status, ``code`` one of FHIR's issue types, ``expression`` the path of the element at fault,
    ``location`` the version that a Location header names.
    """

    def __init__(
        self, status: int, code: str, diagnostics: str, *, expression: str | None = None, location: str | None = None
    ) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.code = code
        self.diagnostics = diagnostics
        self.expression = expression
        self.location = location

    def body(self) -> bytes:
        """The OperationOutcome."""
        return outcome("error", self.code, self.diagnostics, self.expression)


def outcome(severity: str, code: str, diagnostics: str, expression: str | None = None) -> bytes:
    """An OperationOutcome with one issue."""
    issue: dict[str, object] = {"severity": severity, "code": code, "diagnostics": diagnostics}
    if expression:
        issue["expression"] = [expression]
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})

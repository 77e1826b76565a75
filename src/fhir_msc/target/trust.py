"""Whom a client trusts beside the public authorities: a file of certificates. Loads no HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fhir_msc.errors import UsageError

if TYPE_CHECKING:
    import ssl


def trusting(ca_bundle: Path) -> ssl.SSLContext:
    """A context that trusts the authorities of a PEM file and no others. Raises UsageError where it cannot be used."""
    import ssl

    try:
        return ssl.create_default_context(cafile=str(ca_bundle))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; a name with a NUL is a ValueError
        why = error.strerror if isinstance(error, OSError) else None
        raise UsageError(
            f"the CA bundle {ca_bundle} cannot be used: {why or type(error).__name__}",
            hint="It must be a PEM file with the certificates of the authorities to trust.",
        ) from error

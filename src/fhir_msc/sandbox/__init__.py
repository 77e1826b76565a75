"""A small FHIR R4 server on loopback, for the demo and the tests. Imports none of the other rooms.

It answers as HAPI FHIR 8.8.0 does wherever the contract suite (``tests/contract``) looks. It keeps bodies as they were
written (``1.50`` stays ``1.50``), checks element names, required codes, dates and references, and nothing else.
It has no access control, so it listens on loopback alone.
"""

from __future__ import annotations

from fhir_msc.sandbox.server import SandboxError, SandboxServer, serve

__all__ = ["SandboxError", "SandboxServer", "serve"]

"""The engine's version."""

__version__ = "0.1.0"
"""As in ``pyproject.toml``; it stands in fingerprints and in the ledger."""

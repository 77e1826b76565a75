"""Alembic's environment: the connection comes from ``ledger.py``, already inside its transaction."""

from alembic import context

from fhir_msc.sync.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()

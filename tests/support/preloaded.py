"""What a ``fhir-msc`` process loads before it works, loaded once: see ``processes``."""

from __future__ import annotations

import alembic.command
import alembic.config

import fhir_msc.cli.standing
import fhir_msc.pipeline
import fhir_msc.sync.migrations
from fhir_msc.cli.app import run
from fhir_msc.ucum import is_unit

__all__ = ["alembic", "fhir_msc", "run"]

is_unit("mg")  # compiles the grammar, which costs more than all else

"""Rows to checked bodies: what ``map``, ``validate`` and staging share."""

from fhir_msc.desired.model import OUTCOMES, Account, Desired, DesiredSet, DesiredTable

__all__ = ["OUTCOMES", "Account", "Desired", "DesiredSet", "DesiredTable"]

"""Desired against delivered: ledger, staging, delivery, worker."""

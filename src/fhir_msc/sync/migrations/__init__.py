"""The ledger's schema, forward only."""

"""Inputs that nobody would send, for ``validate``: each must be answered with findings, never with an exception."""

"""The example trial: a synthetic export, written by a deterministic generator."""

"""The operator's pages, health and metrics."""

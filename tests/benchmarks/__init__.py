"""What the program costs: each row a ratio, measured in one run. ``python -m tests.benchmarks`` runs them all."""

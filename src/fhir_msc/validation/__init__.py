"""Is this resource right: structure, bindings, invariants, trial rules."""

"""What may leave for a given target: blinding, consent, sites, pseudonyms. Pure functions."""

"""A small FHIR R4 server on loopback, for the demo and the tests. Imports none of the other rooms."""

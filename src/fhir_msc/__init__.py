"""fhir_msc: a trial's export becomes FHIR R4 on a hospital's server, and stays in step with it."""

__version__ = "0.1.0"

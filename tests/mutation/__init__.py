"""What fhir.resources (R4B) rejects, ``validate`` rejects: HL7's examples with something broken, given to both."""

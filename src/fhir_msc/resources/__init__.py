"""How a released record becomes FHIR R4 JSON. One module per resource type."""

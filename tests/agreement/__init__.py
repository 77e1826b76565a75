"""Our checks beside those of others on the same documents: who finds what right, and why not all agree.

`make agreement` compares with HL7's Java engine and with fhir.resources, and writes docs/agreement.md.
"""

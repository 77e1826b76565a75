"""Profiles: what StructureDefinitions say beyond R4's own types (http://hl7.org/fhir/R4/profiling.html).

``archive`` reads a FHIR package, ``definition`` its StructureDefinitions, ``tree`` makes of one, with its bases, the
tree of what it adds to R4, ``known`` holds all that are known, and ``claims`` checks what a resource claims by
``meta.profile``. Nothing of this is imported before a resource claims a profile or has an extension.
"""

"""Where rows come from: CSV, REDCap, SDTM. Streams of text, sealed at the door in a blind project."""

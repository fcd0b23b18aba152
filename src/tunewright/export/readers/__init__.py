"""Programs of their own that read an exported folder as its user's software does; nothing here is imported by us."""

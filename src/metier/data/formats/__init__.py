"""File formats: one file each, a path in, rows as plain dictionaries out."""

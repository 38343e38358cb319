"""Steps that clean rows: one file each, rows in, kept and dropped rows out, each drop with its reason."""

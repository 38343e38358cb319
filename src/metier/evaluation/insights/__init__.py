"""Key figures of an industry: one file each."""

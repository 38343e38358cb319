"""The verbs: one file each, a function of a run that returns what it did."""

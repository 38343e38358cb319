"""Metrics as functions of weighted counts: one file each."""

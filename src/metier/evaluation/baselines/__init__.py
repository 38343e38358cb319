"""Baselines that a tuned model has to beat: one file each."""

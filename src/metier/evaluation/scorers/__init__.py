"""Scorers: how a model is asked and how its answer is judged; one file each."""

"""Scores without gradients: likelihoods of options, losses of texts, generated answers."""

"""Texts token by token: many sequences in one batch, which each joins and leaves at any step."""

"""Teach an open language model a trade, and prove that it learned it."""

__version__ = "0.2.0"

"""Numba kernels over Arrow string buffers: no Python object a row, no Python step a word."""

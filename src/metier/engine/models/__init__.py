"""Models and their weights: loading, memory, the model `fake`."""

"""A run at work: the model that was measured answers new rows, by the code that measured it."""

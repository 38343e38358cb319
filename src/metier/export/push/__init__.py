"""A finished run sent somewhere else. Nothing here is called but by the verb `metier push`."""

"""All that touches tensors. Import it inside functions: torch and its friends take seconds."""

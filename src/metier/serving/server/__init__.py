"""`metier serve`: runs behind HTTP. Import it inside functions: it needs the extra `serve`."""

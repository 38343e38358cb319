"""Token trees: what sequences share stands in a batch once."""

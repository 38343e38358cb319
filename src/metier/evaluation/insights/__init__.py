"""What the people of a trade ask first: one file a question."""

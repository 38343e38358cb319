"""A model at work, watched: its traces held against the test, and what people should label next."""

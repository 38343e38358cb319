"""A model at work: its traces compared with the test, and what people should label next."""

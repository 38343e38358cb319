"""Training: adapters, batches, checkpoints, evaluation while a model trains."""

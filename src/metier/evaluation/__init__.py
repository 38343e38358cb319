"""A benchmark's questions, answers, statistics, the verdict."""

"""The four stages of a run: curate, train, evaluate, report. Nothing else stands here."""

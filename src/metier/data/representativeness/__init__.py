"""Do the training rows represent the work? GO, CAUTION or NO-GO before a fine-tune."""

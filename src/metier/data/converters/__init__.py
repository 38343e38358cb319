"""What other tools write: one file each, their columns -> ours."""

"""The dossier: what a run shows to those who answer for the model, section by section, each with its source."""

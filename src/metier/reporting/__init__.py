"""The report, its pages, cards, figures and templates."""

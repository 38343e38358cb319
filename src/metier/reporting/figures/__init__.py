"""Pictures as SVG text that stands inside the page: they scale to a phone, print sharply, and need no network."""

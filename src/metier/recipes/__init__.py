"""The recipe's schema, everything wrong with it at once, and the plug-in registry."""

"""`metier new`: a recipe from a folder of tables or documents."""

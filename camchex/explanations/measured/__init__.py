"""How well explanations hit what is known: of invented studies, or of boxes that readers drew."""

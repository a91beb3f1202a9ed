"""The texts that a model reads: cleaned indications and vital signs, and their label words."""

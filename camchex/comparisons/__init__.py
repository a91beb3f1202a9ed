"""Models, variants and configurations side by side."""

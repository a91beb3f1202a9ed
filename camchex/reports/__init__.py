"""Report files: their sections, and the clinical indication among them."""

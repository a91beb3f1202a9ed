"""One offline page of everything that was measured, and a card for each model."""

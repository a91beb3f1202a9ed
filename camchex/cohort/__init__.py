"""One row per study, from images, labels, texts and vital signs."""

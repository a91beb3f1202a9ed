"""Training of image classifiers: the teacher, its students, the encoder of each view."""

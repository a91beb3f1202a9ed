"""X-ray files of every kind, decoded once into grey squares that training reads at random."""

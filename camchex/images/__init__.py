"""X-ray files of every kind, decoded once into grey squares that training reads at random."""

from camchex.images.store import ImageStore

__all__ = ["ImageStore"]

"""Groups of test studies: their scores, and how far apart decisions about them are."""

UNKNOWN = "not known"
SEX, EMERGENCY = "sex", "emergency department"
SERVED_ALIKE = (SEX, EMERGENCY)
"""Characteristics of which no group must be served worse."""

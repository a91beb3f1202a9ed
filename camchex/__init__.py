"""Study-level chest X-ray classification from images, indication and vital signs.

Research software, not a medical device.
"""

__version__ = "0.1.0"

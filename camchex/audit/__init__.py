"""The leakage audit: what labels and scores owe to the words of the indication."""

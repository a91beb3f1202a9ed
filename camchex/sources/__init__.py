"""The published data sets. After this package only canonical names, ids and labels exist."""

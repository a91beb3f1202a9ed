"""A trained model, and what it says about a study."""

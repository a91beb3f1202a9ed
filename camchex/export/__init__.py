"""A trained model that travels: one folder, and a reference study to check a set-up against."""

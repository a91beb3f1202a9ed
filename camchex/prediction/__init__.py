"""Prediction: everything that applies a trained fusion or image classifier to studies."""

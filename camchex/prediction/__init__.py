"""What a trained model says about studies."""

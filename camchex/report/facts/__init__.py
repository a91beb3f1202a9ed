"""What readers ask first, and what TRIPOD+AI, CLAIM and a model card ask for."""

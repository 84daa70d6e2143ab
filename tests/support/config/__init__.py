"""Configuration files, and what they compile to."""

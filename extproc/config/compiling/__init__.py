"""Compiling the validated file into a `Gateway`."""

"""Parsing the file: YAML and references to environment variables."""

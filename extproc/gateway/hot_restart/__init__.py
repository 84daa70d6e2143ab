"""Envoy's hot restart: a child process takes over while its parent drains."""

"""Envoy's configuration, made from ours."""

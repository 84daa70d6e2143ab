"""Replacing a running Envoy by a new one while requests are in flight (Envoy's hot restart)."""

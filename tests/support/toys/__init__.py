"""The least that can stand around a real Envoy, to see what Envoy itself does."""

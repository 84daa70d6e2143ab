"""The service without an Envoy."""

"""A gateway on this host: Envoy and the sidecar, started, restarted and ended together."""

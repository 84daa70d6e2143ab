"""The sidecar's processes: a supervisor, and workers that serve Envoy."""

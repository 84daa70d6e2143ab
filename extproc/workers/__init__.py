"""The sidecar's processes: a supervisor, and the workers that serve Envoy's ext_proc streams."""

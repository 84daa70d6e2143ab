"""Where an Envoy's configuration comes from: a file, or an Envoy that runs."""

"""An Envoy external-processing sidecar for applications that call LLM providers."""

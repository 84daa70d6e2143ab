"""What a request costs through a real Envoy, beside Envoy alone and an older commit: `make bench-gateway`."""

"""Envoy's messages and ours: ProcessingRequest to event, directive to ProcessingResponse. Only here is protobuf."""

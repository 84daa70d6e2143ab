"""A real Envoy, and what belongs to it: its admin endpoint, its messages, its Lua."""

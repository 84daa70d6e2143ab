"""An operator's Envoy as plain values: only what the checks ask about, with Envoy's defaults filled in.

A `place` is the path to a value in the operator's file: `static_resources.listeners[0].filter_chains[0]…`.
"""

"""Requests that nobody is there to decide on: `sidecar.on_failure: default_provider`.

Envoy alone sends them to the default target, without a policy. Each is tried with the sidecar first; one that has met
no worker for the time that bridges a restart is let through, by a route that only such a request matches, to a cluster
of its own. What the sidecar does for an attempt, the filters of that cluster do for these: the credential comes from
Envoy's own secret files, path and model's name from a script.
"""

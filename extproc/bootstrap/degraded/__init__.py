"""The fail-open mode: `sidecar.on_failure: default_provider`.

Without a worker Envoy itself sends requests to the default target, without a policy. Each request tries the sidecar
first; after NO_WORKER_RETRY_WINDOW without a worker it matches a route of its own, to a cluster of its own. The filters
of that cluster replace the sidecar: the credential comes from Envoy's secret files, path and model name from a Lua
script.
"""

"""Names that Envoy's configuration and the service must agree on.

Header names are lower case, as HTTP/2 and Envoy write them.
"""

CLUSTER = "x-arch-llm-provider"
"""Request: the provider cluster of this attempt. Only the sidecar sets it, the route's `cluster_header` reads it."""

HINT = "x-arch-llm-provider-hint"
"""Request, from the client: the model to use when the body names none."""

STATE = "x-extproc-state"
"""Response, then request: the attempt state, carried from one attempt to the next inside Envoy."""

REDISPATCH = "x-extproc-redispatch"
"""Response: the edge's router must make another attempt if it is `1`; if `SPENT`, it must not make one any more."""

SPENT = "spent"
"""Value of `REDISPATCH` where Envoy itself ends a request that has called providers more often than any policy says."""

UNPROCESSED = "x-extproc-unprocessed"
"""Response: the status of a response that the sidecar has not processed, or `processed`."""

RETRIED_UNPROCESSED = "0|408|424|425|429|498|5..|timeout|connection_error"
"""Regex for the values of `UNPROCESSED` on which the edge tries again; `0`: no worker was there to name a cluster."""

LOST = "x-extproc-lost"
"""Response, internal: Envoy made it itself, as the provider sent none: `TIMED_OUT` or `BROKEN`, and Envoy's details."""

TIMED_OUT = "timeout"
"""Value of `LOST`, and then of `UNPROCESSED`: no response within a time limit."""

BROKEN = "connection_error"
"""Value of `LOST`, and then of `UNPROCESSED`: refused, reset, or broken off before anything had reached the client."""

IN_FLIGHT = "x-extproc-in-flight"
"""Response, internal: the attempt state of its request, in case the response stays unprocessed. Not for the sidecar."""

FINAL = "final"
"""Value of `IN_FLIGHT` where no attempt may follow, whatever the response is: there is no retry policy."""

PROCESSED = "processed"
"""Value of `UNPROCESSED` in every response that the sidecar has processed."""

DEGRADED = "x-extproc-degraded"
"""Request, internal: the default target may be called without the sidecar. Response, to the client: it was."""

MODEL = "x-extproc-model"
"""Response, to the client: the target that responded."""

ATTEMPTS = "x-extproc-attempts"
"""Response, to the client: how many attempts were made."""

INTERNAL_PREFIXES = ("x-extproc-", "x-arch-", "x-envoy-")
"""Prefixes of internal headers, which only Envoy and the sidecar read: none passes from or to clients and providers."""

TRY_TIMEOUT = "x-envoy-upstream-rq-per-try-timeout-ms"
"""Request, read by Envoy's router: limit on the time to response headers of this attempt, in milliseconds."""

RESPONSE_TIMEOUT = "x-envoy-upstream-rq-timeout-ms"
"""Request, read by Envoy's router: limit on the whole response, in milliseconds; `0` switches it off."""

EXTPROC_CLUSTER = "extproc"
"""Envoy cluster of the sidecar's workers."""

ATTEMPT_CLUSTER = "attempt"
"""Envoy cluster whose only endpoint is the attempt listener."""

DEGRADED_CLUSTER = "degraded"
"""Envoy cluster of the default target, for requests that no worker of the sidecar is there to decide on."""

ATTEMPT_LISTENER = "attempt"
"""Envoy internal listener: one pass through it is one attempt."""

EDGE_LISTENER = "edge"
"""Envoy listener that clients reach."""

STATE_METADATA = "extproc.attempt"
"""Dynamic metadata namespace in which Envoy keeps the attempt state: during an attempt, and between two of them."""

STATE_KEY = "state"
"""Key in `STATE_METADATA` of the attempt state itself."""

FLAGS_ATTRIBUTE = "response.flags"
"""ext_proc attribute: Envoy's response flags as a bit vector."""

DETAILS_ATTRIBUTE = "response.code_details"
"""ext_proc attribute: why Envoy sent this response; `via_upstream` when it is the provider's own."""

VIA_UPSTREAM = "via_upstream"
"""Value of `DETAILS_ATTRIBUTE` when the response is the provider's."""

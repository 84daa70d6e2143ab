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
"""Response: the edge's router must make another attempt."""

UNJUDGED = "x-extproc-unjudged"
"""Response: the status of an answer the sidecar has not looked at, or `judged`."""

JUDGED = "judged"
"""Value of `UNJUDGED` in every answer the sidecar has looked at."""

DEGRADED = "x-extproc-degraded"
"""Request, inside: the default target may be asked without the sidecar. Response, to the client: it was."""

MODEL = "x-extproc-model"
"""Response, to the client: the target that answered."""

ATTEMPTS = "x-extproc-attempts"
"""Response, to the client: how many attempts were made."""

INTERNAL_PREFIXES = ("x-extproc-", "x-arch-", "x-envoy-")
"""Headers that are a matter between Envoy and the sidecar: none is taken from, or shown to, anyone else."""

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
"""Dynamic metadata namespace in which Envoy keeps the attempt state between two attempts."""

FLAGS_ATTRIBUTE = "response.flags"
"""ext_proc attribute: Envoy's response flags as a bit vector."""

DETAILS_ATTRIBUTE = "response.code_details"
"""ext_proc attribute: why Envoy answered as it did; `via_upstream` when the answer is the provider's own."""

VIA_UPSTREAM = "via_upstream"
"""Value of `DETAILS_ATTRIBUTE` when the provider itself has answered."""

"""What in an operator's own Envoy configuration would lose a failover, or send something where it should not go.

`reading` makes the plain values of `model` from a file or from a running Envoy, `roles` finds out which listener and
cluster plays which part, `checks` judges: one small function a rule, all in one table. `diagnose` puts it together.
Nothing here reads a file or asks anyone, and no finding quotes a header's value.
"""

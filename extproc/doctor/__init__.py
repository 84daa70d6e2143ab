"""What in an operator's own Envoy configuration would lose a failover, or send something where it should not go.

`reading` makes the views of `model` of a file or of what a running Envoy says, `roles` finds out which listener and
cluster plays which part, `checks` compare that with what `render` writes for the same gateway: one small function a
rule, all in one table; where a setting is to be the same, it is a row of `settings`. `diagnose` puts it together.
Nothing here reads a file or asks anything, and no finding quotes the value of an operator's header.
"""

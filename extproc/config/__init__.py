"""The configuration file: its shape, its checks, and what it compiles to.

`load` goes through the steps: `document` parses, `environment` resolves references, `schema` and `schema_retry` judge
the shape, `checks` what lies between entries, `compile` (with `wire`, `clusters` and `policies`) makes the `gateway`,
`warnings` looks at it once more. `explain` puts errors into words, `providers` is the provider table.
"""

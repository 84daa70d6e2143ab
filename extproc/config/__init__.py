"""The configuration file: its shape, its checks, and what it compiles to.

`load` goes through the steps: `reading` parses the text and resolves references, `schema` checks the shape,
`cross_checks` what lies between entries, `compiling` makes the `gateway`, `warnings` looks at it once more. `providers`
is the provider table.
"""

"""Views of an Envoy's configuration: what the checks ask about, with Envoy's defaults filled in.

A `place` is the path to a value in the file: `static_resources.listeners[0].filter_chains[0]…`. What is absent has
Envoy's default, what has the wrong shape counts as absent: Envoy itself refuses it, with a better message than could be
given here.
"""

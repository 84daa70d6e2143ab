"""Making the plain values of `model` from what an operator's Envoy is configured with.

What is absent gets Envoy's default, what has the wrong shape counts as absent: Envoy itself refuses it, with a better
message than could be given here.
"""

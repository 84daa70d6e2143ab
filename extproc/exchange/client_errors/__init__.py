"""Errors that a client gets from us, in the shape that its SDK knows from the API it uses."""

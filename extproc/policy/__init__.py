"""The rules: standard library only; no I/O, no clock, no randomness and no logging of their own."""

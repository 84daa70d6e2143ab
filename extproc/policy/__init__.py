"""The rules: standard library only; no I/O, no clock, no chance and no logging of their own."""

"""The configuration file: its shape, its checks, and what it compiles to."""

"""Loads Envoy's message classes before any test does."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # envoy-data-plane was made for an older pydantic and says so while it is loaded; tests take warnings as errors.
    warnings.simplefilter("ignore", DeprecationWarning)
    import extproc.bootstrap.render  # noqa: F401

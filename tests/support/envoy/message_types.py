"""Envoy's own message classes, as far as external processing needs them."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # envoy-data-plane was generated for an older pydantic, which says so at import; tests take warnings as errors.
    warnings.simplefilter("ignore", DeprecationWarning)
    from envoy_data_plane.envoy.config.core import v3 as core
    from envoy_data_plane.envoy.extensions.filters.http.ext_proc import v3 as ext_proc_filter
    from envoy_data_plane.envoy.service.ext_proc import v3 as ext_proc
    from envoy_data_plane.envoy.type import v3 as types
    from envoy_data_plane.google import protobuf as google

__all__ = ["core", "ext_proc", "ext_proc_filter", "google", "types"]

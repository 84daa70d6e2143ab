"""What all tests share: how hypothesis runs."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Every run tries the same examples, so that a failure is the change's own. To look for new ones:
# HYPOTHESIS_PROFILE=default pytest tests/property
# How long an example takes depends on what else the machine has to do.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# For the loop of somebody who is at work: the laws are looked at, not gone into.
settings.register_profile(
    "quick", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=10
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

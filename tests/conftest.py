"""What all tests share: how hypothesis runs."""

from __future__ import annotations

import os

from hypothesis import settings

# Every run tries the same examples, so that a failure is the change's own. To look for new ones:
# HYPOTHESIS_PROFILE=default pytest tests/property
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

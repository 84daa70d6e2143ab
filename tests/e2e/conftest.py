"""Real Envoy, real sidecar, scripted providers: when a test fails, what the gateway wrote is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the output of the gateways that a failed test used to its report."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, value in item.funcargs.items():
            if isinstance(value, Gateway):
                report.sections.append((f"what {name} wrote", value.up.output))
    return report

"""An hour of 10,000 requests, on a clock that jumps: `pytest -s tests/simulation` prints what it came to.

Four providers that refuse, are overloaded, keep silent, slow down, recover, and limit the rate of calls, with
Retry-After and without; not one of them could serve all requests.
"""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import pytest
from simulation.providers import Provider, Trouble
from simulation.report import Report
from support.policy.builders import P, a_high_latency, a_policy, a_target, after
from support.policy.laws import obey_the_laws
from support.policy.moments import Witness
from support.policy.traffic import Arrival, Traffic

from extproc.policy.attempt_state import Reason
from extproc.policy.backoff import Backoff, Reach
from extproc.policy.blocks import Blocks
from extproc.policy.catalog import Catalog
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses
from extproc.policy.rules import Measure, Policy, Rule, Strategy
from extproc.policy.target import TargetId

if TYPE_CHECKING:
    from support.policy.journeys import Call, Reply

REQUESTS = 10_000
HOUR = 3_600_000


def the_providers(generator: random.Random) -> dict[str, Provider]:
    """Return the providers at the beginning of their hour."""
    rng = generator.random
    openai = (
        Trouble(5, 8, "refused"),
        Trouble(20, 26, "overloaded"),
        Trouble(40, 45, "slow"),
        Trouble(50, 51, "silent"),
    )
    return {
        "openai": Provider(rng, openai, limit=70),
        "anthropic": Provider(rng, (Trouble(21, 24, "refused"),), limit=120),
        "mistral": Provider(rng, (Trouble(22, 23, "overloaded"),), limit=60, retry_after=False),
        "groq": Provider(rng, (Trouble(22, 23, "refused"), Trouble(41, 43, "slow")), limit=60),
    }


TARGETS = (
    a_target(P, keys=2),
    a_target("anthropic/claude-3-5-sonnet"),
    a_target("mistral/mistral-large"),
    a_target("groq/llama-3"),
)

POLICY = a_policy(
    default=Rule("default", max_attempts=6, backoff=Backoff(Reach.SAME_PROVIDER)),
    fallback_models=(TargetId("anthropic/claude-3-5-sonnet"),),
    high_latency=a_high_latency(
        threshold=2900, measure=Measure.TOTAL, strategy=Strategy.DIFFERENT_PROVIDER, min_triggers=3, block=60_000
    ),
    max_duration=90_000,
)


def an_hour(policy: Policy | None, requests: int = REQUESTS) -> tuple[Report, Witness]:
    """Return what became of the requests of an hour under *policy*."""
    generator = random.Random(1)  # noqa: S311 (it decides who fails, and guards nothing)
    providers = the_providers(generator)
    targets = {target.id: target for target in TARGETS}
    policies = {} if policy is None else {P: policy}
    blocks = Blocks()
    witness = Witness(blocks)
    arrivals = [Arrival(after(int(generator.random() * HOUR))) for _ in range(requests)]

    def world(call: Call) -> Reply:
        return providers[call.target.partition("/")[0]].serve(call)

    engine = Engine(Catalog(targets, {}, policies=policies), blocks, SlowResponses())
    traffic = Traffic(engine, world, generator.random, witness).run(arrivals)
    name = "no policy" if policy is None else "with failover"
    return Report(name, traffic.journeys, providers), witness


@pytest.fixture(scope="module")
def hour() -> tuple[Report, Witness]:
    """Return the hour that all tests look at."""
    return an_hour(POLICY)


def test_every_decision_of_the_hour_obeys_the_laws(hour: tuple[Report, Witness]) -> None:
    """Limits, candidates, waits, blocks and keys: see laws.py."""
    _, witness = hour

    obey_the_laws(witness.moments)


def test_requests_are_served_that_would_have_failed(hour: tuple[Report, Witness]) -> None:
    """Even though for one minute of the hour all four are in trouble."""
    report, _ = hour
    without, _ = an_hour(None)
    sys.stdout.write(f"\n{without}\n{report}\n")

    assert without.availability < 0.75
    assert report.availability > 0.98


def test_no_provider_is_called_before_its_retry_after(hour: tuple[Report, Witness]) -> None:
    """Once a provider has sent Retry-After, no call comes earlier."""
    report, _ = hour

    assert {name: provider.too_early for name, provider in report.providers.items()} == dict.fromkeys(
        report.providers, 0
    )


def test_trouble_costs_few_calls(hour: tuple[Report, Witness]) -> None:
    """A provider that has asked for time is not called again, so that retries stay far below one for each request."""
    report, _ = hour

    assert report.calls_per_request < 1.4
    assert max(report.calls) <= POLICY.max_total_attempts


def test_hardly_any_request_waits(hour: tuple[Report, Witness]) -> None:
    """While another provider is free there is nothing to wait for."""
    report, _ = hour

    assert sum(wait > 0 for wait in report.waits) / REQUESTS < 0.02
    assert report.waits[-1] <= 60_000


def test_the_hour_has_seen_everything(hour: tuple[Report, Witness]) -> None:
    """Else it would prove little: every reason for an attempt but one, and every kind of failure."""
    report, _ = hour
    reasons = {reason for journey in report.journeys for reason in journey.reasons}
    failures = {label for provider in report.providers.values() for label in provider.outcomes}

    assert reasons >= set(Reason) - {Reason.SAME_MODEL, Reason.SAME_PROVIDER}
    assert failures == {"success", "connection_error", "http_429", "http_503", "timeout_60000ms"}


def test_the_same_seed_gives_the_same_hour() -> None:
    """Nothing but random numbers and clock goes in."""
    first, second = (an_hour(POLICY, requests=2000)[0] for _ in range(2))

    assert [journey.calls for journey in first.journeys] == [journey.calls for journey in second.journeys]
    assert [journey.decision for journey in first.journeys] == [journey.decision for journey in second.journeys]


if __name__ == "__main__":
    for policy in (None, POLICY):
        sys.stdout.write(f"{an_hour(policy)[0]}\n")

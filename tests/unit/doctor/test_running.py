"""What a running Envoy reports: its version, its counters, its workers' health."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.doctor.patients import ATTEMPT, ERROR, EXT_PROC, INSIDE, WARNING, WORKERS, an_operator, reported


@pytest.mark.parametrize("version", [(1, 36, 4), (1, 9, 0), (0, 40, 0)])
def test_an_envoy_that_is_too_old_is_reported(version: tuple[int, int, int]) -> None:
    envoy = replace(an_operator().envoy_config(), version=version)

    assert reported(envoy) == [(ERROR, "envoy-version", "server_info.version")]


@pytest.mark.parametrize("version", [None, (1, 37, 0), (1, 40, 0), (2, 0, 0)])
def test_any_other_is_not(version: tuple[int, int, int] | None) -> None:
    """A file does not say."""
    assert reported(replace(an_operator().envoy_config(), version=version)) == []


@pytest.mark.parametrize(
    "name",
    [
        "cluster.attempt.retry_or_shadow_abandoned",
        "cluster.attempt.upstream_rq_retry_overflow",
        "cluster.attempt.upstream_rq_retry_limit_exceeded",
        "cluster.attempt.upstream_rq_pending_overflow",
        "cluster.attempt.lua.errors",
        "cluster.attempt.cluster.attemptlua.errors",
        "http.attempt.downstream_rq_too_many_premature_resets",
        "http.attempt.downstream_rq_too_large",
        "http.attempt.ext_proc.rejected_header_mutations",
        "http.attempt.ext_proc.clear_route_cache_ignored",
        "http.attempt.ext_proc.clear_route_cache_disabled",
    ],
)
def test_a_failover_that_was_lost_silently_is_reported(name: str) -> None:
    envoy = replace(an_operator().envoy_config(), stats={name: 7, "cluster.openai.upstream_rq_retry_overflow": 9})

    assert reported(envoy) == [(ERROR, "counters", name)]


@pytest.mark.parametrize(
    "name",
    [
        "http.attempt.no_cluster",
        "http.attempt.ext_proc.failure_mode_allowed",
        "http.attempt.ext_proc.message_timeouts",
        "cluster.extproc.upstream_rq_pending_overflow",
    ],
)
def test_an_unprocessed_attempt_is_a_warning(name: str) -> None:
    """Another one was made instead."""
    assert reported(replace(an_operator().envoy_config(), stats={name: 1})) == [(WARNING, "counters", name)]


def test_counters_that_are_zero_are_no_findings() -> None:
    assert reported(replace(an_operator().envoy_config(), stats={"cluster.attempt.retry_or_shadow_abandoned": 0})) == []


def test_counters_are_found_under_the_operators_own_names() -> None:
    operator = (
        an_operator()
        .put(f"{ATTEMPT}.stat_prefix", "tries")
        .put(f"{EXT_PROC}.stat_prefix", "brain")
        .put(f"{INSIDE}.alt_stat_name", "the:loop")
    )
    stats = {
        "cluster.the_loop.retry_or_shadow_abandoned": 1,
        "http.tries.no_cluster": 1,
        "http.tries.ext_proc.brain.message_timeouts": 1,
    }

    found = reported(replace(operator.envoy_config(), stats=stats))

    assert [place for _, _, place in found] == list(stats)


def test_no_worker_at_all_is_an_error() -> None:
    stats = {"cluster.extproc.membership_healthy": 0, "cluster.extproc.membership_total": 2}

    assert reported(replace(an_operator().envoy_config(), stats=stats)) == [
        (ERROR, "workers-healthy", "cluster.extproc.membership_healthy")
    ]


def test_some_workers_away_is_a_warning() -> None:
    stats = {"cluster.extproc.membership_healthy": 1, "cluster.extproc.membership_total": 2}

    assert reported(replace(an_operator().envoy_config(), stats=stats)) == [
        (WARNING, "workers-healthy", "cluster.extproc.membership_healthy")
    ]


def test_all_workers_there_is_nothing_to_tell() -> None:
    stats = {"cluster.extproc.membership_healthy": 2, "cluster.extproc.membership_total": 2}

    assert reported(replace(an_operator().envoy_config(), stats=stats)) == []


def test_without_their_cluster_nothing_is_reported_about_workers() -> None:
    """That it is missing is another finding."""
    stats = {"cluster.extproc.membership_healthy": 0, "cluster.extproc.membership_total": 2}

    found = reported(replace(an_operator().drop(WORKERS).envoy_config(), stats=stats))

    assert [check for _, check, _ in found] == ["workers-cluster"]

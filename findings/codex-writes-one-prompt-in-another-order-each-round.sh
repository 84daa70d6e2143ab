#!/usr/bin/env bash
# @openai/codex 0.171.0: the thirty requests that it makes of one prompt, when the provider answers 503, have several
# different bodies: each of its six rounds writes the members of an object in an order of its own. As JSON all are equal.
#
# So a proxy that knows a repeated request by the bytes of its body, to deduplicate it, to cache or to limit it, takes
# only those of one round for the same.
#
# Seen:
#   30 requests, 6 bodies, all of one length, 1 JSON value
#
# Exit code 0: still so. 1: it has changed. Needs npm, Node and Python; Linux.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm install --silent --no-audit --no-fund --ignore-scripts @openai/codex@0.171.0

cat > try.py <<'PY'
import http.server, json, os, subprocess, sys, threading

bodies = []


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(self.rfile.read(int(self.headers["content-length"])))
        body = b'{"error": {"message": "down", "type": "server_error"}}'
        self.send_response(503)
        self.send_header("retry-after", "0")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments): pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
home = os.path.abspath("home")
os.makedirs(home)
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
supports_websockets = false
''')
subprocess.run(
    ["node_modules/.bin/codex", "exec", "--skip-git-repo-check", "Say hello"],
    env={"PATH": os.environ["PATH"], "HOME": home, "CODEX_HOME": home},
    stdin=subprocess.DEVNULL, capture_output=True, timeout=180,
)
values = {json.dumps(json.loads(body), sort_keys=True) for body in bodies}
lengths = {len(body) for body in bodies}
of_one = "all of one length" if len(lengths) == 1 else f"of {len(lengths)} lengths"
print(f"{len(bodies)} requests, {len(set(bodies))} bodies, {of_one}, {len(values)} JSON value")
sys.exit((len(bodies), len(lengths), len(values)) != (30, 1, 1) or len(set(bodies)) == 1)  # orders are drawn
PY
python3 try.py

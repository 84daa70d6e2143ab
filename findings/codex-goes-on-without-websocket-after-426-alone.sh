#!/usr/bin/env bash
# @openai/codex 0.171.0: how a server refuses its WebSocket decides whether and when the prompt is answered.
#
# With `openai_base_url` it first opens a WebSocket at /responses, also over plain HTTP. 426 makes it go on over HTTP at
# once. After 403, 404 or 405 it opens six more, some seconds long, and goes on over HTTP then. A 400 it takes for the
# answer to the prompt, and gives up without a word of what the 400 said. A proxy that drops `upgrade`, as nginx does,
# leaves a GET that many servers answer with 400, 404 or 405. In a [model_providers.NAME] of one's own it opens none
# unless that says `supports_websockets = true`.
#
# Seen:
#   426: 1 WebSocket, then POST; exit code 0
#   404: 7 WebSockets, then POST; exit code 0
#   400: 2 WebSockets, no POST; exit code 1
#
# Exit code 0: still so. 1: it has changed. Needs npm, Node and Python; Linux.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm install --silent --no-audit --no-fund --ignore-scripts @openai/codex@0.171.0

cat > try.py <<'PY'
import http.server, json, os, subprocess, sys, threading

ANSWER = [
    {"type": "response.created", "response": {"id": "r"}},
    {"type": "response.output_item.done", "item": {
        "type": "message", "role": "assistant", "id": "m", "content": [{"type": "output_text", "text": "Hello!"}]}},
    {"type": "response.completed", "response": {"id": "r", "usage": {
        "input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
        "input_tokens_details": None, "output_tokens_details": None}}},
]


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status, opened, posted = 0, 0, 0

    def do_GET(self):
        if self.headers.get("upgrade") == "websocket":
            Server.opened += 1
            self.say(Server.status, "application/json", b'{"error": {"message": "no WebSocket here"}}')
        else:
            self.say(404, "application/json", b"{}")

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.path != "/v1/responses":
            return self.say(404, "application/json", b"{}")
        Server.posted += 1
        events = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in ANSWER)
        self.say(200, "text/event-stream", events.encode())

    def say(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
home = os.path.abspath("home")
os.mkdir(home)
with open(f"{home}/config.toml", "w") as file:
    file.write(f'model = "gpt-5.5"\nopenai_base_url = "http://127.0.0.1:{server.server_port}/v1"\n'
               "check_for_update_on_startup = false\n[analytics]\nenabled = false\n")
environment = {"PATH": os.environ["PATH"], "HOME": home, "CODEX_HOME": home, "CODEX_API_KEY": "unused"}
seen = {}
for status in (426, 404, 400):
    Server.status, Server.opened, Server.posted = status, 0, 0
    ended = subprocess.run(
        ["node_modules/.bin/codex", "exec", "--skip-git-repo-check", "Say hello"],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )
    seen[status] = (Server.opened, Server.posted, ended.returncode)
    print(f"{status}: WebSockets {Server.opened}, POST {Server.posted}, exit code {ended.returncode}")
sys.exit(seen != {426: (1, 1, 0), 404: (7, 1, 0), 400: (2, 0, 1)})
PY
python3 try.py
